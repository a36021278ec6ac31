/* SPDX-License-Identifier: MIT */
/* The line of /proc/self/mountinfo that a file belongs to. */
#ifndef IMAGE_MOUNT_ENTRY_H
#define IMAGE_MOUNT_ENTRY_H

#include <stdbool.h>
#include <sys/types.h>

struct mount_entry {
	char *type;    /* "ext4", "fuse.platterfs" */
	char *source;  /* "/dev/vda"; may be empty */
	char *target;  /* the mountpoint */
	char *options; /* of the mount and the filesystem, as mount(8) lists them */
	dev_t device;  /* major 0: not a block device's number */
};

/*
 * By the mount's own number: a file of btrfs has another st_dev than its mount. `fd` may be O_PATH,
 * also of a mount whose daemon is gone. 0 or negative errno; the caller owns *ret_entry.
 */
int mount_entry_find(int fd, struct mount_entry *ret_entry);
void mount_entry_destroy(struct mount_entry *entry);

/* Whether an option without a value ("nobarrier"), or with just this value, is set. */
bool mount_entry_has(const struct mount_entry *entry, const char *name, const char *value);

bool mount_entry_is_platterfs(const struct mount_entry *entry);

#endif
