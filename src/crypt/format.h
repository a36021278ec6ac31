/* SPDX-License-Identifier: MIT */
/*
 * A new encrypted volume: its header is made in memory, by libcryptsetup, before anything is made
 * on the disk; then whoever writes the image asks what to write. The payload is encrypted zeros.
 */
#ifndef CRYPT_FORMAT_H
#define CRYPT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "crypt/unlock.h"

enum format_type {
	FORMAT_LUKS1,
	FORMAT_LUKS2,
	FORMAT_PLAIN,
};

/* NULL and 0 stand for what cryptsetup 2.6 would take. */
struct format_request {
	enum format_type type;
	uint64_t size_bytes; /* of the image */
	const char *spec;
	uint32_t key_bits;
	uint32_t sector_size;
	uint64_t offset_sectors; /* of the payload, 512 bytes each */
	/* LUKS: of the key derivation. Plain: makes the key of a passphrase, "" takes its bytes. */
	const char *hash;
	const char *pbkdf;         /* "argon2id", "argon2i", "pbkdf2" */
	uint32_t pbkdf_iterations; /* instead of measuring */
	bool detached;             /* the header will be in a file of its own */
	bool iv_large_sectors;     /* plain only */
};

struct format;

/*
 * 0, or negative errno and the reason for the user: -EINVAL, -EOPNOTSUPP what was asked for does
 * not fit together or is not ours; ... The caller ends it with format_free(), which wipes.
 * secret_init() comes first.
 */
int format_new(const struct format_request *request, const struct passphrase *passphrase,
	       struct format **ret_format, char ret_reason[UNLOCK_REASON_BYTES]);
void format_free(struct format *format); /* NULL may be freed */

/* What it has become, for the user; its key is not for him. */
const struct volume_key *format_key(const struct format *format);

/* Bytes that come before the payload, in the image or in the file of a detached header. */
uint64_t format_header_bytes(const struct format *format);

/*
 * What the image or the file of a detached header has at `offset`; `context` is the struct format.
 * 0 or negative errno. Any offset and length; one thread at a time.
 */
int format_make_image(void *context, void *bytes, uint64_t length, uint64_t offset);
int format_make_header(void *context, void *bytes, uint64_t length, uint64_t offset);

#endif
