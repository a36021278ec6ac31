/* SPDX-License-Identifier: MIT */
/* `platterfs mount --fs`: the filesystem in an image, mounted without root (mount/chain.h). */
#ifndef CMD_MOUNT_FS_H
#define CMD_MOUNT_FS_H

#include <stdbool.h>

struct mount_options;

struct mount_fs {
	const char *image, *folder;
	const char *type; /* what must be in it; NULL: what is found */
	struct mount_options *options;
	bool foreground;
};

/* The exit code; what is wrong has been said. */
int mount_fs(const struct mount_fs *mount);

#endif
