/* SPDX-License-Identifier: MIT */
/* What an image holds, by the magic at its start. */
#ifndef IMAGE_TYPE_H
#define IMAGE_TYPE_H

#include <stdbool.h>
#include <stdint.h>

enum image_type {
	IMAGE_RAW, /* also plain encryption, which has no magic */
	IMAGE_LUKS1,
	IMAGE_LUKS2,
};

/*
 * Looks at byte `at` of an open image; `fd` may be O_DIRECT and read-only. 0 or negative errno.
 */
int image_type_read(int fd, uint64_t at, enum image_type *ret_type);

/* Whether it is a BitLocker volume, which is no type of ours: for who asks why it does not open. */
int image_bitlocker_read(int fd, uint64_t at, bool *ret_bitlocker);

/* "raw", "luks1", "luks2". */
const char *image_type_name(enum image_type type);

#endif
