/* SPDX-License-Identifier: MIT */
/*
 * A table of volumes, a line each in the form of crypttab(5):
 *
 *     VOLUME IMAGE KEYFILE OPTIONS
 *
 * VOLUME is the name at the mount; IMAGE a file of the source folder, or its path, or a partition
 * of one (part.h), which VOLUME may say instead, as in "a.img.p1 a.img"; KEYFILE as in
 * key_source.h, "none" or "-" for the terminal; OPTIONS, a comma-separated list of those in
 * image_options.h, come on top of those of the mount. KEYFILE and OPTIONS may be missing. "#"
 * starts a comment; a blank in a name is written \040.
 */
#ifndef MOUNT_TABLE_H
#define MOUNT_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "mount/image_options.h"

struct table_entry {
	char *volume;
	char *image; /* as it stands in the file, unless VOLUME says the partition */
	unsigned line;
	struct image_options options;
};

struct table {
	struct table_entry *entries;
	size_t count;
};

/*
 * Reads a table; `defaults` are the options of the mount. 0, or negative errno and *ret_error, a
 * line for the user which the caller frees: "PATH:LINE: what is wrong". -EINVAL: a line is no such
 * line, or a volume or an image stands there twice.
 */
int table_read(const char *path, const struct image_options *defaults, struct table *ret_table,
	       char **ret_error);
/* The same from an open file. */
int table_parse(FILE *file, const char *path, const struct image_options *defaults,
		struct table *ret_table, char **ret_error);
void table_destroy(struct table *table);

/* The name of the image in its folder: the last component of entry->image. */
const char *table_image_name(const struct table_entry *entry);

/* NULL if there is none. */
const struct table_entry *table_find_volume(const struct table *table, const char *volume);
const struct table_entry *table_find_image(const struct table *table, const char *name);

#endif
