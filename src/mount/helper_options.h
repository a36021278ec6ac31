/* SPDX-License-Identifier: MIT */
/*
 * The options of a line `IMAGE DIR platterfs OPTIONS` of fstab(5): some are for the daemon that
 * serves the image, some for the mount helper itself, the others for the filesystem in the image.
 */
#ifndef MOUNT_HELPER_OPTIONS_H
#define MOUNT_HELPER_OPTIONS_H

#include <stdbool.h>

struct helper_options {
	char *daemon;     /* comma-separated, as they were written; never NULL */
	char *filesystem; /* likewise */
	char *mountpoint; /* who may use a FUSE mount; NULL: nothing said */
	char *type;       /* fstype=; NULL: whatever is in it */
	bool read_only;   /* ro */
	bool check;       /* fsck: repair what can safely be repaired before mounting */
	bool nofail;
	bool remount;
};

/* 0, or -EINVAL or -ENOMEM and *ret_error, to be freed. helper_options_destroy() in any case. */
int helper_options_parse(const char *list, struct helper_options *ret_options, char **ret_error);
void helper_options_destroy(struct helper_options *options);

#endif
