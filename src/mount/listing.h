/* SPDX-License-Identifier: MIT */
/* The images of a folder at one moment: the names of its regular files, in order. */
#ifndef MOUNT_LISTING_H
#define MOUNT_LISTING_H

#include <stdbool.h>
#include <stddef.h>

struct listing {
	struct listing_entry {
		char *name;
		bool taken; /* by listing_take() */
	} * entries;
	size_t count, room;
};

/*
 * Lists the folder behind an O_PATH descriptor; only the name `only` unless that is NULL. 0 or
 * negative errno. The caller ends it with listing_free().
 */
int listing_new(int folder_fd, const char *only, struct listing **ret_listing);
/* Marks a name, if it is there. */
void listing_take(struct listing *listing, const char *name);

void listing_free(struct listing *listing);

#endif
