// SPDX-License-Identifier: MIT
#include "crypt/nh.h"

#include <string.h>

#include "crypt/clones.h"
#include "crypt/little_endian.h"

void nh_set_key(struct nh *nh, const uint8_t key[NH_KEY_BYTES])
{
	for (size_t i = 0; i < NH_KEY_UNITS; i++, key += NH_UNIT_BYTES) {
		nh->left[i] = le64_load(key);
		nh->right[i] = le64_load(key + NH_UNIT_BYTES / 2);
	}
}

/*
 * A unit of words m0 m1 m2 m3 adds (m0 + k0)(m2 + k2) + (m1 + k1)(m3 + k3) to a pass. All passes
 * are done at once: as the key's halves are apart, those that they need follow each other. Which
 * of the two words of a half comes first depends on the CPU, but is the same in message and key.
 * The loop over both words of four passes is one that GCC makes vectors of.
 */
FOR_EACH_CPU
void nh_hash(const struct nh *nh, const uint8_t *message, size_t length,
	     uint8_t ret_hash[NH_HASH_BYTES])
{
	uint64_t sums[2 * NH_PASSES] = {0};

	for (size_t i = 0; i < length / NH_UNIT_BYTES; i++, message += NH_UNIT_BYTES) {
		uint64_t l = le64_load(message), r = le64_load(message + NH_UNIT_BYTES / 2);
		uint64_t lefts[NH_PASSES] = {l, l, l, l}, rights[NH_PASSES] = {r, r, r, r};
		uint32_t left[2 * NH_PASSES], right[2 * NH_PASSES];
		uint32_t left_key[2 * NH_PASSES], right_key[2 * NH_PASSES];

		memcpy(left, lefts, sizeof(left));
		memcpy(right, rights, sizeof(right));
		memcpy(left_key, nh->left + i, sizeof(left_key));
		memcpy(right_key, nh->right + i, sizeof(right_key));
		for (size_t j = 0; j < 2 * NH_PASSES; j++)
			sums[j] += (uint64_t)(left[j] + left_key[j]) * (right[j] + right_key[j]);
	}
	for (size_t i = 0; i < NH_PASSES; i++)
		le64_store(ret_hash + 8 * i, sums[2 * i] + sums[2 * i + 1]);
}
