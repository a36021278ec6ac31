// SPDX-License-Identifier: MIT
#include "mount/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <libmount/libmount.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "util/macros.h"

extern char **environ;

/* Only the way to it is resolved; its own name is taken as it is. */
static int resolve_parent(const char *path, char **ret_path)
{
	_cleanup_free_ char *for_folder = strdup(path), *for_name = strdup(path), *folder = NULL;
	int r;

	if (!for_folder || !for_name)
		return -ENOMEM;
	folder = realpath(dirname(for_folder), NULL);
	if (!folder)
		return -errno;
	r = asprintf(ret_path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, basename(for_name));
	if (r < 0)
		*ret_path = NULL;
	return r < 0 ? -ENOMEM : 0;
}

static int mount_parse(struct libmnt_fs *fs, const char *kind, dev_t *ret_device, uid_t *ret_user)
{
	const char *type = mnt_fs_get_fstype(fs);
	char *value = NULL;
	size_t length = 0;

	if (!type || strncmp(type, kind, strlen(kind)) != 0)
		return -ENOENT;
	*ret_device = mnt_fs_get_devno(fs);
	*ret_user = 0;
	if (mnt_fs_get_option(fs, "user_id", &value, &length) == 0 && value)
		*ret_user = (uid_t)strtoul(value, NULL, 10);
	return 0;
}

static struct libmnt_table *table_read(void)
{
	struct libmnt_table *table = mnt_new_table();

	if (table && mnt_table_parse_mtab(table, NULL) == 0)
		return table;
	mnt_unref_table(table);
	return NULL;
}

static int find(const char *path, const char *kind, dev_t *ret_device, uid_t *ret_user)
{
	struct libmnt_table *table = table_read();
	struct libmnt_fs *fs;
	int r = -EIO;

	if (table) {
		fs = mnt_table_find_target(table, path, MNT_ITER_BACKWARD);
		r = fs ? mount_parse(fs, kind, ret_device, ret_user) : -ENOENT;
	}
	mnt_unref_table(table);
	return r;
}

int mountpoint_find(const char *path, dev_t *ret_device, uid_t *ret_user)
{
	return find(path, "fuse.platterfs", ret_device, ret_user);
}

int mountpoint_find_fuse(const char *path, dev_t *ret_device, uid_t *ret_user)
{
	return find(path, "fuse", ret_device, ret_user);
}

int mountpoint_find_any(const char *path, dev_t *ret_device)
{
	uid_t user;

	return find(path, "", ret_device, &user);
}

int mountpoint_exists(dev_t device)
{
	struct libmnt_table *table = table_read();
	int r = table ? mnt_table_find_devno(table, device, MNT_ITER_FORWARD) != NULL : -EIO;

	mnt_unref_table(table);
	return r;
}

int mountpoint_of(dev_t device, char **ret_path)
{
	struct libmnt_table *table = table_read();
	struct libmnt_fs *fs = table ? mnt_table_find_devno(table, device, MNT_ITER_FORWARD) : NULL;
	dev_t found;
	uid_t user;
	int r = fs ? mount_parse(fs, "fuse.platterfs", &found, &user) : -ENOENT;

	if (r == 0) {
		*ret_path = strdup(mnt_fs_get_target(fs));
		r = *ret_path ? 0 : -ENOMEM;
	}
	mnt_unref_table(table);
	return r;
}

static bool contains(const uid_t *users, size_t count, uid_t user)
{
	for (size_t i = 0; i < count; i++)
		if (users[i] == user)
			return true;
	return false;
}

int mountpoint_users(uid_t **ret_users, size_t *ret_count)
{
	struct libmnt_table *table = table_read();
	struct libmnt_iter *mounts = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = table && mounts ? 0 : -EIO;

	while (r == 0 && mnt_table_next_fs(table, mounts, &fs) == 0) {
		uid_t user, *users;
		dev_t device;

		if (mount_parse(fs, "fuse.platterfs", &device, &user) < 0 ||
		    contains(*ret_users, *ret_count, user))
			continue;
		users = reallocarray(*ret_users, *ret_count + 1, sizeof(*users));
		if (!users) {
			r = -ENOMEM;
			break;
		}
		users[(*ret_count)++] = user;
		*ret_users = users;
	}
	mnt_free_iter(mounts);
	mnt_unref_table(table);
	return r;
}

/* The usual way stats the mount point itself, and would wait for ever for a daemon that is stuck.
 */
int mountpoint_resolve(const char *path, char **ret_path)
{
	char *resolved = NULL;
	dev_t device;
	uid_t user;

	if (resolve_parent(path, &resolved) == 0 &&
	    mountpoint_find_fuse(resolved, &device, &user) == 0) {
		*ret_path = resolved;
		return 0;
	}
	free(resolved);
	*ret_path = realpath(path, NULL);
	return *ret_path ? 0 : -errno;
}

bool mountpoint_is_dead(const char *path)
{
	struct stat status;
	dev_t device;
	uid_t user;

	if (stat(path, &status) == 0 || (errno != ENOTCONN && errno != ECONNABORTED))
		return false;
	return mountpoint_find(path, &device, &user) == 0;
}

/* Its one line on standard error, without its name. */
static char *read_line(int fd)
{
	char text[512], *start = text;
	size_t length = 0;
	ssize_t got;

	while (length < sizeof(text) - 1 &&
	       ((got = read(fd, text + length, sizeof(text) - 1 - length)) > 0 ||
		(got < 0 && errno == EINTR)))
		length += got > 0 ? (size_t)got : 0;
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strncmp(text, "fusermount3: ", 13) == 0)
		start += 13;
	return *start ? strdup(start) : NULL;
}

static int fusermount_start(const char *path, bool lazy, int error_fd, pid_t *ret_child)
{
	char *arguments[] = {"fusermount3", "-u", "--", (char *)path, NULL, NULL};
	posix_spawn_file_actions_t actions;
	int r;

	if (lazy)
		memcpy(&arguments[2], (char *[]){"-z", "--", (char *)path}, 3 * sizeof(char *));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
	r = -posix_spawnp(ret_child, arguments[0], &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int fusermount(const char *path, bool lazy, char **ret_error)
{
	int ends[2], status, r;
	pid_t child;
	char *said;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = fusermount_start(path, lazy, ends[1], &child);
	close(ends[1]);
	said = r == 0 ? read_line(ends[0]) : NULL;
	close(ends[0]);
	while (r == 0 && waitpid(child, &status, 0) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r == 0 && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		r = said && strstr(said, strerror(EBUSY)) ? -EBUSY : -EPERM;
	if (r == -EPERM)
		*ret_error = said;
	else
		free(said);
	return r;
}

int mountpoint_unmount(const char *path, bool lazy, char **ret_error)
{
	*ret_error = NULL;
	if (umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	return errno == EPERM ? fusermount(path, lazy, ret_error) : -errno;
}
