/* SPDX-License-Identifier: MIT */
/* An image looked at without disturbing whoever uses it: no lock, nothing left in the page cache.
 */
#ifndef IMAGE_INSPECTION_H
#define IMAGE_INSPECTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/extents.h"
#include "image/type.h"

struct inspection {
	int fd; /* read-only, O_DIRECT if `direct` */
	dev_t device;
	ino_t inode;
	uint64_t size_bytes;
	bool direct;          /* its filesystem has direct I/O, */
	uint32_t block_bytes; /* in units of this */
	bool copy_on_write;   /* filesystem_copies_on_write() */
	bool extents_known;   /* its filesystem tells where the image lies */
	struct extent_summary extents;
	enum image_type type;
};

/*
 * Errors as image_open, without -EBUSY. The caller ends *ret_inspection with inspection_close(),
 * and not before it is done with the descriptor. Untouched on failure.
 */
int inspection_open(const char *path, struct inspection *ret_inspection, const char **ret_reason);
void inspection_close(struct inspection *inspection);

/* Every write goes to a block that is there and stays there. */
bool inspection_mapped(const struct inspection *inspection);

#endif
