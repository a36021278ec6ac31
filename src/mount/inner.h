/* SPDX-License-Identifier: MIT */
/* The inner filesystem, that in a volume, is mounted and unmounted: mount(8)'s own library does it,
 * without helpers.
 */
#ifndef MOUNT_INNER_H
#define MOUNT_INNER_H

#include <stdbool.h>
#include <sys/types.h>

struct inner_mount {
	const char *device, *folder;
	const char *type;    /* NULL: what libblkid sees */
	const char *options; /* with "remount" among them: of what is mounted there */
};

/*
 * Recorded so that umount(8) calls umount.platterfs for it. 0, or negative errno and *ret_error,
 * one line to be freed (NULL: errno says it).
 */
int inner_mount(const struct inner_mount *mount, char **ret_error);

struct inner_unmount {
	const char *folder;
	bool lazy, force, read_only;
};

int inner_unmount(const struct inner_unmount *unmount, char **ret_error);

/*
 * What is mounted at an absolute path, the topmost: its source and type, to be freed. 0, -ENOENT if
 * nothing is, or negative errno.
 */
int inner_find(const char *folder, char **ret_source, char **ret_type);

/*
 * Where a device, or the source that a driver names, is mounted by root or `user`, and as what, to
 * be freed: anybody may name what he likes as the source of a FUSE mount. 0, -ENOENT if it is not,
 * or negative errno.
 */
int inner_find_device(const char *device, uid_t user, char **ret_folder, char **ret_type);

/* The filesystem on a device as libblkid sees it, to be freed; NULL: nothing, or not only one. */
char *inner_type(const char *device);

/*
 * Why no kernel mounts this device: blocks smaller than its sectors, as mkfs makes them in a file
 * or through a volume of small size. NULL if that is not so; to be freed.
 */
char *inner_misfit(const char *device);

#endif
