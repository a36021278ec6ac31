/* SPDX-License-Identifier: MIT */
/*
 * What a folder has at one moment: its images, the regular files, and those of their partitions
 * that are shown; in order, partitions behind their image.
 */
#ifndef MOUNT_LISTING_H
#define MOUNT_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "mount/part.h"

struct listing {
	struct listing_entry {
		struct part part; /* its name is the listing's */
		bool taken;       /* by listing_take() */
	} * entries;
	size_t count, room;
};

/*
 * Lists the folder of a mount, or its one image. Where partitions are wanted, each image is read:
 * one page, and a few more if it has a table; a table that is of no use is logged. 0 or negative
 * errno. The caller ends it with listing_free().
 */
int listing_new(struct names *names, struct listing **ret_listing);
/* Marks a name, if it is there. */
void listing_take(struct listing *listing, const char *name);

void listing_free(struct listing *listing);

#endif
