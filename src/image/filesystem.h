/* SPDX-License-Identifier: MIT */
/* What kind of filesystem an image lies on, by statfs(2)'s magic number. */
#ifndef IMAGE_FILESYSTEM_H
#define IMAGE_FILESYSTEM_H

#include <stdbool.h>

enum filesystem_kind {
	FILESYSTEM_ORDINARY,
	FILESYSTEM_MEMORY,        /* gone with the power */
	FILESYSTEM_NETWORK,       /* a server decides what is durable */
	FILESYSTEM_FUSE,          /* a program decides */
	FILESYSTEM_STACKED,       /* another filesystem below decides */
	FILESYSTEM_COPY_ON_WRITE, /* a write goes to new blocks, unless the file is NOCOW */
};

struct filesystem {
	long magic;
	const char *name; /* a name for people; ext2, ext3 and ext4 are all "ext4" */
	enum filesystem_kind kind;
};

/* The filesystem of an open file; an unknown one is ordinary. NULL if statfs fails, see errno. */
const struct filesystem *filesystem_find(int fd);

/*
 * Whether each write to this file goes to new blocks, whatever its extents say now. NOCOW files
 * (chattr +C) of btrfs do not.
 */
bool filesystem_copies_on_write(int fd);

/*
 * Makes an empty file of a copy-on-write filesystem stay where it is written, if that can be done:
 * filesystem_copies_on_write() tells.
 */
void filesystem_set_nocow(int fd);

#endif
