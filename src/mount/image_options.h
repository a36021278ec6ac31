/* SPDX-License-Identifier: MIT */
/*
 * The options that may differ from image to image: those of mount -o, which hold for all of them,
 * and those of a line in a table, which come on top. Names are crypttab(5)'s and cryptsetup(8)'s.
 */
#ifndef MOUNT_IMAGE_OPTIONS_H
#define MOUNT_IMAGE_OPTIONS_H

#include <stdbool.h>

#include "crypt/unlock.h"
#include "data/volume.h"

enum image_kind {
	KIND_AUTO, /* LUKS by its magic, otherwise raw */
	KIND_RAW,
	KIND_LUKS,
	KIND_PLAIN,
	KIND_TCRYPT,
	KIND_BITLK,
};

struct image_options {
	struct volume_options volume; /* without key and lanes */
	enum image_kind kind;
	struct unlock_request unlock; /* without type and window */
	bool partitions;              /* of a raw image: each is a volume, too */
	bool passthrough;             /* direct I/O on a raw volume need not ask the daemon */
	bool hash_given;
	bool later;    /* noauto: not unlocked at the mount */
	char *keyfile; /* as in key_source.h; NULL: none was named */
	uint64_t keyfile_offset_bytes, keyfile_size_bytes;
	char *header;             /* path of a detached LUKS header */
	char *expect;             /* what blkid(8) must see in it: "ext4" */
	const char *plain_option; /* the first one given that only type=plain has; static */
};

/* cryptsetup's defaults. */
void image_options_init(struct image_options *options);
void image_options_destroy(struct image_options *options);

/* For a line of a table: starts with the options of the mount. 0 or -ENOMEM. */
int image_options_copy(const struct image_options *from, struct image_options *ret_options);

/*
 * Cuts the next option off a comma-separated list, in place; NULL at its end. Ciphers have commas
 * of their own: inside parentheses ("capi:adiantum(xchacha12,aes)-plain64"), between double quotes
 * or behind a backslash (both of which go), and in "cipher=xchacha12,aes-adiantum-plain64" a comma
 * does not end an option.
 */
char *image_options_next(char **list);

/*
 * One option, "name" or "name=value". 0, -ENOENT if it is none of these, -EINVAL if its value is
 * not one it can have, -ENOMEM.
 */
int image_options_set(struct image_options *options, const char *option);

/* Whether image_options_set() knows its name. */
bool image_options_known(const char *option);

/* Whether they fit together. 0, or -EINVAL and *ret_reason, a static sentence about
 * options->plain_option. */
int image_options_check(const struct image_options *options, const char **ret_reason);

#endif
