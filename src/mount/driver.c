// SPDX-License-Identifier: MIT
#include "mount/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util/macros.h"

static const char *const ext_types[] = {"ext2", "ext3", "ext4", NULL};
static const char *const squashfs_types[] = {"squashfs", NULL};
static const char *const erofs_types[] = {"erofs", NULL};
static const char *const fuse2fs_complaints[] = {"FUSE2FS (", "while closing fs", NULL};
static const char *const no_complaints[] = {NULL};

/*
 * fakeroot: only the user himself can enter the mount, so the owners in the image keep nobody out;
 * what mkfs made as root would otherwise be closed to him.
 */
static const struct driver drivers[] = {
	{.types = ext_types,
	 .program = "fuse2fs",
	 .package = "fuse2fs",
	 .options = "fakeroot",
	 .complaints = fuse2fs_complaints},
	{.types = squashfs_types,
	 .program = "squashfuse",
	 .package = "squashfuse",
	 .read_only = true,
	 .complaints = no_complaints},
	{.types = erofs_types,
	 .program = "erofsfuse",
	 .package = "erofsfuse, since Debian 13",
	 .read_only = true,
	 .complaints = no_complaints},
};

static bool has_type(const struct driver *driver, const char *type)
{
	for (const char *const *known = driver->types; *known; known++)
		if (strcmp(*known, type) == 0)
			return true;
	return false;
}

const struct driver *driver_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_LENGTH(drivers); i++)
		if (has_type(&drivers[i], type))
			return &drivers[i];
	return NULL;
}

static int find_in(const char *folders, const char *program, char **ret_path)
{
	while (*folders) {
		size_t length = strcspn(folders, ":");
		char *path;

		if (asprintf(&path, "%.*s/%s", (int)length, folders, program) < 0)
			return -ENOMEM;
		if (*path == '/' && access(path, X_OK) == 0) {
			*ret_path = path;
			return 0;
		}
		free(path);
		folders += length + (folders[length] == ':');
	}
	return -ENOENT;
}

int driver_program(const struct driver *driver, char **ret_path)
{
	const char *folders = getenv("PATH");
	int r = folders ? find_in(folders, driver->program, ret_path) : -ENOENT;

	/* Users often have no sbin in their PATH. */
	return r == -ENOENT
		       ? find_in("/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin:/bin:/sbin",
				 driver->program, ret_path)
		       : r;
}

static bool has_option(const char *options, const char *name)
{
	size_t length = strlen(name);

	for (; options && *options; options += *options == ',') {
		if (strncmp(options, name, length) == 0 &&
		    (options[length] == ',' || !options[length]))
			return true;
		options += strcspn(options, ",");
	}
	return false;
}

/* Comma-separated; owned by the caller. */
static char *options_join(const struct driver_start *start)
{
	bool all = has_option(start->options, "allow_other");
	const char *parts[] = {
		start->options,
		start->read_only && !has_option(start->options, "ro") ? "ro" : NULL,
		all ? "default_permissions" : start->driver->options,
	};
	char *joined = strdup("");

	for (size_t i = 0; joined && i < ARRAY_LENGTH(parts); i++) {
		char *longer;

		if (!parts[i])
			continue;
		if (asprintf(&longer, "%s%s%s", joined, *joined ? "," : "", parts[i]) < 0)
			longer = NULL;
		free(joined);
		joined = longer;
	}
	return joined;
}

static _Noreturn void become_driver(const struct driver_start *start, const char *options,
				    pid_t parent)
{
	char *arguments[] = {(char *)start->driver->program,
			     "-f",
			     (char *)start->volume,
			     (char *)start->folder,
			     *options ? "-o" : NULL,
			     (char *)options,
			     NULL};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	/* Ctrl-C is for us, who then unmount it in order. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, start->signals, NULL);
	/* Should we die first, it has to finish, although nobody listens. */
	signal(SIGPIPE, SIG_IGN);
	if (getppid() == parent && dup2(null, STDIN_FILENO) >= 0 &&
	    dup2(start->output_fd, STDOUT_FILENO) >= 0 &&
	    dup2(start->output_fd, STDERR_FILENO) >= 0) {
		close_range(STDERR_FILENO + 1, ~0u, 0);
		execv(start->program, arguments);
		perror(start->program);
	}
	_exit(1);
}

int driver_start(const struct driver_start *start, pid_t *ret_child)
{
	_cleanup_free_ char *options = options_join(start);
	pid_t parent = getpid();
	pid_t child = options ? fork() : -1;

	if (child == 0)
		become_driver(start, options, parent);
	if (child < 0)
		return options ? -errno : -ENOMEM;
	*ret_child = child;
	return 0;
}

bool driver_complains(const struct driver *driver, const char *line)
{
	for (const char *const *complaint = driver->complaints; *complaint; complaint++)
		if (strstr(line, *complaint))
			return true;
	return false;
}

/* s_state of its superblock, little-endian: the lowest bit is set while nobody has it mounted. */
bool driver_unclean(const struct driver *driver, int volume_fd)
{
	unsigned char state[2];

	return driver->types == ext_types && pread(volume_fd, state, 2, 1024 + 0x3a) == 2 &&
	       !(state[0] & 1);
}
