/* SPDX-License-Identifier: MIT */
/* The line of fstab(5) that mounts an image as platterfs; FSTAB_FILE names another table. */
#ifndef MOUNT_FSTAB_H
#define MOUNT_FSTAB_H

struct fstab_line {
	char *options;
	int pass; /* the sixth field: 0 if it is not to be checked */
};

/*
 * The image's line, at `folder` if that is not NULL. 0, -ENOENT if there is none, or negative
 * errno.
 */
int fstab_find(const char *image, const char *folder, struct fstab_line *ret_line);
void fstab_line_destroy(struct fstab_line *line);

#endif
