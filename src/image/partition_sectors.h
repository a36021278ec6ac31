/* SPDX-License-Identifier: MIT */
/* The sectors of an image that its partition table lies in. For partitions.c. */
#ifndef IMAGE_PARTITION_SECTORS_H
#define IMAGE_PARTITION_SECTORS_H

#include <stdbool.h>
#include <stdint.h>

/* Of tables, whatever the disk below has. */
#define PARTITION_SECTOR_BYTES 512u

struct partition_sectors {
	int fd;   /* as long as the image, with holes where no table is; -1: it has no table */
	bool gpt; /* the table is a GPT, if it is not damaged */
};

/*
 * Copies them; so many, at most, as a table of PARTITIONS_LIMIT needs. 0, which may also mean that
 * there is none; or negative errno and *ret_reason: -EINVAL for a GPT of absurd size. The caller
 * closes the descriptor, in the first case.
 */
int partition_sectors_copy(int fd, uint64_t size_bytes, struct partition_sectors *ret_sectors,
			   const char **ret_reason);

/* The same for the second GPT, at the end of the image: what that of the start is worth is known.
 */
int partition_sectors_copy_second(int fd, uint64_t size_bytes,
				  const struct partition_sectors *sectors, const char **ret_reason);

#endif
