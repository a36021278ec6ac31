/* SPDX-License-Identifier: MIT */
/* Mount points: what is mounted there, and how it goes away, with root and without. */
#ifndef MOUNT_MOUNTPOINT_H
#define MOUNT_MOUNTPOINT_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * The absolute path of a mount point, without asking the file system that is mounted there (it may
 * be dead, or another user's). To be freed by the caller. 0 or negative errno.
 */
int mountpoint_resolve(const char *path, char **ret_path);

/*
 * Finds the platterfs that is mounted at an absolute path, the topmost if there are several: its
 * device number, which no other mount has, and the user who mounted it. 0; -ENOENT if nothing, or
 * something else, is mounted there; or negative errno if mountinfo(5) cannot be read.
 */
int mountpoint_find(const char *path, dev_t *ret_device, uid_t *ret_user);

/* The same for whatever FUSE filesystem is mounted there; and for any filesystem. */
int mountpoint_find_fuse(const char *path, dev_t *ret_device, uid_t *ret_user);
int mountpoint_find_any(const char *path, dev_t *ret_device);

/* Whether the mount with this device number is still mounted anywhere. Negative errno as above. */
int mountpoint_exists(dev_t device);

/* Where it is mounted, to be freed. 0, or -ENOENT if it is not any more. */
int mountpoint_of(dev_t device, char **ret_path);

/* The users who have mounted platterfs, each once. *ret_users is NULL before, and to be freed. */
int mountpoint_users(uid_t **ret_users, size_t *ret_count);

/* Whether a daemon that served `path` died and left the mount behind. */
bool mountpoint_is_dead(const char *path);

/*
 * Unmounts, as root with umount2(2), otherwise with fusermount3(1). `lazy`: it disappears now, and
 * those who still use it may go on. 0 or negative errno: -EBUSY, -ENOENT without fusermount3, or
 * -EPERM and in *ret_error what fusermount3 said, to be freed (NULL: nothing).
 */
int mountpoint_unmount(const char *path, bool lazy, char **ret_error);

#endif
