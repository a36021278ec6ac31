/* SPDX-License-Identifier: MIT */
/*
 * The partitions of an image that begins with an MBR or a GPT, as the kernel would number them, and
 * what they are called.
 *
 * libblkid understands the tables. What it gets to see is a copy of the sectors that they lie in,
 * read with direct I/O: the page cache has nothing of the image afterwards, no write to it at the
 * same moment is disturbed, and a table that never ends does not keep us.
 */
#ifndef IMAGE_PARTITIONS_H
#define IMAGE_PARTITIONS_H

#include <stddef.h>
#include <stdint.h>

/* As many as the kernel gives a disk. */
#define PARTITIONS_LIMIT 255u

struct partition {
	unsigned number; /* N of /dev/loop0pN */
	uint64_t start_bytes, length_bytes;
	const char *flaw; /* why it must not be used; static; NULL: it may be */
};

struct partitions {
	struct partition list[PARTITIONS_LIMIT]; /* by number; without containers of others */
	unsigned count;
};

/*
 * Reads the table of an image of `size_bytes`; `fd` may be O_DIRECT and read-only. 0, with a count
 * of 0 if there is none; or negative errno and *ret_reason (NULL: errno says it): -EINVAL if there
 * is one, and nothing of it can be believed.
 */
int partitions_read(int fd, uint64_t size_bytes, struct partitions *ret_partitions,
		    const char **ret_reason);

/* The one with this number, flaw or not, or NULL. */
const struct partition *partitions_find(const struct partitions *partitions, unsigned number);

/* How many bytes of "IMAGE.pN" are IMAGE, and N; 0 if it is no such name. */
size_t partition_stem(const char *name, unsigned *ret_number);

#endif
