/* SPDX-License-Identifier: MIT */
/* What an image holds, by the magic at its start. */
#ifndef IMAGE_TYPE_H
#define IMAGE_TYPE_H

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

/*
 * The UUID in the LUKS header there, which every luksFormat makes anew; "" if there is no LUKS
 * header. 0 or negative errno.
 */
enum {
	IMAGE_UUID_BYTES = 40
};
int image_luks_uuid_read(int fd, uint64_t at, char ret_uuid[IMAGE_UUID_BYTES + 1]);

/* "raw", "luks1", "luks2". */
const char *image_type_name(enum image_type type);

#endif
