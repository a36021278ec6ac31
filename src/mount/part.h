/* SPDX-License-Identifier: MIT */
/*
 * What a volume is made of: an image of the folder, or a partition of one. It is called by the name
 * of the image's file, with ".pN" behind it for partition N; what the volume is called is in
 * naming.h.
 *
 * An image shows its partitions if its options say so, it is raw, and no window of it is served. A
 * file that has the name of a partition comes first. Tables are read anew each time: nothing is
 * remembered but what was logged.
 */
#ifndef MOUNT_PART_H
#define MOUNT_PART_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "image/partitions.h"
#include "mount/image_options.h"

struct names;

struct part {
	const char *name;           /* of whoever made it */
	struct partition partition; /* number 0: all of the image */
};

/* The name of the image's file. */
struct part_image {
	char name[NAME_MAX + 1];
};

struct part_image part_image(const struct part *part);

/*
 * What is called `name` now, and the status of the image's file. 0 or negative errno: -ENOENT for
 * everything that is no image, no partition, or of no use; the last is logged, once.
 */
int part_find(struct names *names, const char *name, struct part *ret_part,
	      struct stat *ret_status);

/*
 * The partitions of an image, as its options want it. 0, with a count of 0 if none are shown; or
 * negative errno and *ret_reason (NULL: errno says it).
 */
int part_list(const struct names *names, const char *image, struct partitions *ret_partitions,
	      const char **ret_reason);

/* Whether any image may show partitions. */
bool part_wanted(const struct names *names);

/* Whether the table of the open image `fd` still has the partition that `part` is. */
bool part_holds(const struct part *part, int fd, uint64_t size_bytes);

/* Its options: of its own line in the table, else its image's, else those of the mount. */
const struct image_options *part_options(const struct names *names, const struct part *part);
/* What of them a volume needs, without key: the window is the partition's. */
struct volume_options part_volume(const struct names *names, const struct part *part);

/* Whether its own line says something of it, and not only that of its image, or the mount. */
bool part_has_line(const struct names *names, const struct part *part);

/* What is wrong with a partition (0: with the table) of an image: a line in the log, once. */
void part_say(struct names *names, const char *image, unsigned number, const char *reason);
void part_forget_said(struct names *names);

#endif
