// SPDX-License-Identifier: MIT
#include "mount/serving.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "mount/control.h"
#include "mount/mountpoint.h"
#include "mount/place.h"
#include "util/macros.h"

/* Where the mount is for a moment. */
struct place {
	char path[PLACE_BYTES];
	bool mounted;
};

static void place_leave(struct place *place)
{
	if (place->mounted)
		umount2(place->path, MNT_DETACH | UMOUNT_NOFOLLOW);
	rmdir(place->path);
}

/*
 * A "@" before its name: at shutdown systemd kills all others before it unmounts what is left, and
 * that needs us (ROOT_STORAGE_DAEMONS).
 */
static _Noreturn void become_daemon(const char *image, const char *options, const char *place)
{
	/* Whoever gives up waiting gives up the mount. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execl("/proc/self/exe", "@platterfs", "mount", "-o", options, "--", image, place, NULL);
	perror("platterfs: /proc/self/exe");
	_exit(1);
}

/* It prints its own line if it fails, and returns when it serves. */
static int daemon_start(const char *image, const char *options, struct place *place)
{
	pid_t child = fork(), waited;
	sighandler_t interrupt;
	int status;

	if (child < 0)
		return -errno;
	if (child == 0)
		become_daemon(image, options, place->path);
	/* Who is asked for a passphrase may press Ctrl-C: then it ends, and we clear up. */
	interrupt = signal(SIGINT, SIG_IGN);
	while ((waited = waitpid(child, &status, 0)) < 0 && errno == EINTR)
		;
	signal(SIGINT, interrupt);
	if (waited < 0)
		return -ECHILD;
	place->mounted = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	return place->mounted ? 0 : -ECANCELED;
}

/* The only name there; a table may have given it another than the image's. */
static int volume_open_at(const char *folder, bool read_only)
{
	DIR *names = opendir(folder);
	struct dirent *entry;
	int fd = -1;

	if (!names)
		return -errno;
	errno = ENOENT;
	while (fd < 0 && (entry = readdir(names)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fd = openat(dirfd(names), entry->d_name,
				    (read_only ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC);
	fd = fd < 0 ? -errno : fd;
	closedir(names);
	return fd;
}

static struct json_object *first_volume(struct json_object *mount)
{
	struct json_object *volumes = json_object_object_get(mount, "volumes");

	return volumes && json_object_array_length(volumes) > 0
		       ? json_object_array_get_idx(volumes, 0)
		       : NULL;
}

static int mount_status(dev_t device, struct json_object **ret_mount)
{
	struct json_object *mount = NULL;
	int r = control_status(device, geteuid(), &mount);

	if (r == 0 && !mount)
		r = -ETIMEDOUT;
	if (r == 0)
		*ret_mount = mount;
	return r;
}

static int learn_sector(struct serving *serving)
{
	struct json_object *mount = NULL;
	int r = mount_status(serving->device, &mount);

	if (r < 0)
		return r;
	serving->sector_bytes = (uint32_t)json_object_get_int(
		json_object_object_get(first_volume(mount), "sector_size"));
	json_object_put(mount);
	return serving->sector_bytes >= 512 ? 0 : -EPROTO;
}

static int learn(const struct place *place, bool read_only, struct serving *serving)
{
	uid_t user;
	int r = mountpoint_find(place->path, &serving->device, &user);

	if (r == 0)
		r = serving->end_fd = control_wait(serving->device, geteuid());
	if (r >= 0)
		r = serving->volume_fd = volume_open_at(place->path, read_only);
	return r < 0 ? r : learn_sector(serving);
}

int serving_start(const char *image, const char *options, bool read_only,
		  struct serving *ret_serving, char **ret_error)
{
	struct serving serving = {.volume_fd = -1, .end_fd = -1};
	struct place place = {0};
	int r = place_make(place.path);

	*ret_error = NULL;
	if (r < 0)
		return r;
	r = daemon_start(image, options, &place);
	if (r == 0)
		r = learn(&place, read_only, &serving);
	place_leave(&place);
	if (r < 0) {
		serving_end(&serving);
		return r;
	}
	*ret_serving = serving;
	return 0;
}

int serving_end(struct serving *serving)
{
	int end_fd = serving->end_fd;

	if (serving->volume_fd >= 0)
		close(serving->volume_fd);
	serving->volume_fd = serving->end_fd = -1;
	return end_fd < 0 ? 0 : control_wait_end(end_fd);
}

int serving_find(dev_t device, struct serving *ret_serving)
{
	int fd = control_wait(device, geteuid());

	if (fd < 0)
		return fd;
	*ret_serving = (struct serving){.device = device, .volume_fd = -1, .end_fd = fd};
	return 0;
}

/* One that is mounted where all can see it is somebody's own. */
int serving_image(dev_t device, char **ret_image)
{
	struct json_object *mount = NULL;
	const char *source;
	int r = mountpoint_exists(device);

	if (r != 0)
		return r < 0 ? r : -ENOENT;
	r = mount_status(device, &mount);
	if (r < 0)
		return r;
	source = json_object_get_string(json_object_object_get(mount, "source"));
	*ret_image = source ? strdup(source) : NULL;
	json_object_put(mount);
	return *ret_image ? 0 : -ENOMEM;
}
