/* SPDX-License-Identifier: MIT */
/*
 * The polynomial of Poly1305 (RFC 8439, 2.5) over whole blocks, and without the second half of the
 * key, which Adiantum does not add.
 */
#ifndef CRYPT_POLY1305_H
#define CRYPT_POLY1305_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 u128;

enum {
	POLY1305_KEY_BYTES = 16,
	POLY1305_BLOCK_BYTES = 16,
};

struct poly1305_key {
	uint64_t low, high;
};

/* Zeroed to begin with. Not quite reduced: `top` is at most 4 between the calls. */
struct poly1305_sum {
	uint64_t low, high, top;
};

void poly1305_set_key(struct poly1305_key *key, const uint8_t bytes[POLY1305_KEY_BYTES]);
void poly1305_add(struct poly1305_sum *sum, const struct poly1305_key *key, const uint8_t *blocks,
		  size_t count);
u128 poly1305_result(const struct poly1305_sum *sum);

#endif
