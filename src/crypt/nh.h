/* SPDX-License-Identifier: MIT */
/*
 * NH (Black et al., UMAC, 1999) with Adiantum's parameters (Crowley and Biggers 2018, 6.3): words
 * of 32 bits, four passes, the words that are multiplied two apart.
 */
#ifndef CRYPT_NH_H
#define CRYPT_NH_H

#include <stddef.h>
#include <stdint.h>

enum {
	NH_PASSES = 4,
	NH_UNIT_BYTES = 16,
	NH_UNITS = 64,
	NH_MESSAGE_BYTES = NH_UNITS * NH_UNIT_BYTES, /* at most */
	/* Each pass uses the key from one unit further on. */
	NH_KEY_UNITS = NH_UNITS + NH_PASSES - 1,
	NH_KEY_BYTES = NH_KEY_UNITS * NH_UNIT_BYTES,
	NH_HASH_BYTES = NH_PASSES * 8,
};

/* Of each unit of the key the first two words, and the last two. */
struct nh {
	uint32_t left[2 * NH_KEY_UNITS], right[2 * NH_KEY_UNITS];
};

void nh_set_key(struct nh *nh, const uint8_t key[NH_KEY_BYTES]);

/* `length` is a multiple of NH_UNIT_BYTES. */
void nh_hash(const struct nh *nh, const uint8_t *message, size_t length,
	     uint8_t ret_hash[NH_HASH_BYTES]);

#endif
