/* SPDX-License-Identifier: MIT */
/*
 * What lies in a volume, as libblkid sees it: the only way to notice a wrong key to a plain volume,
 * which has no header that could tell.
 */
#ifndef MOUNT_CONTENT_H
#define MOUNT_CONTENT_H

#include <stdint.h>

struct volume_key;

enum {
	CONTENT_TYPE_BYTES = 32
};

/*
 * Reads what begins at byte `at` of an image and is `size_bytes` long; `key` is NULL for a raw
 * volume. 0 and the name of the filesystem, or of the partition table ("ext4", "gpt", "" if there
 * is none), or negative errno.
 */
int content_type(int fd, uint64_t at, uint64_t size_bytes, const struct volume_key *key,
		 char ret_type[CONTENT_TYPE_BYTES]);

#endif
