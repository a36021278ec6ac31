/* SPDX-License-Identifier: MIT */
/* MOUNTPOINT/VOLUME, as `unlock` and `lock` take it: which mount, and which of its volumes. */
#ifndef MOUNT_VOLUME_PATH_H
#define MOUNT_VOLUME_PATH_H

#include <sys/types.h>

struct volume_path {
	dev_t device; /* of the mount */
	uid_t user;   /* whose daemon it is */
	char *volume;
};

/*
 * The path may also be a mount point that is itself a file: the one volume of its mount. 0 or
 * negative errno: -EINVAL if there is no platterfs mount. The caller ends it with
 * volume_path_destroy().
 */
int volume_path_find(const char *path, struct volume_path *ret_path);
void volume_path_destroy(struct volume_path *path);

#endif
