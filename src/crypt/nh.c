// SPDX-License-Identifier: MIT
#include "crypt/nh.h"

#include "crypt/clones.h"
#include "util/little_endian.h"

void nh_set_key(struct nh *nh, const uint8_t key[NH_KEY_BYTES])
{
	for (size_t i = 0; i < 2 * NH_KEY_UNITS; i += 2, key += NH_UNIT_BYTES) {
		nh->left[i] = le32_load(key);
		nh->left[i + 1] = le32_load(key + 4);
		nh->right[i] = le32_load(key + 8);
		nh->right[i + 1] = le32_load(key + 12);
	}
}

/*
 * A unit of words a b c d adds (a + key)(c + key) + (b + key)(d + key) to each pass, the two
 * products apart until the end. As the key's halves are apart, what all passes need of it follows
 * each other, so that GCC makes vectors of the loop over the passes.
 */
FOR_EACH_CPU
void nh_hash(const struct nh *nh, const uint8_t *message, size_t length,
	     uint8_t ret_hash[NH_HASH_BYTES])
{
	const uint32_t *left = nh->left, *right = nh->right;
	uint64_t sums[2 * NH_PASSES] = {0};

	for (const uint8_t *end = message + length; message < end; message += NH_UNIT_BYTES) {
		uint32_t a = le32_load(message), b = le32_load(message + 4);
		uint32_t c = le32_load(message + 8), d = le32_load(message + 12);

		for (size_t i = 0; i < 2 * NH_PASSES; i += 2) {
			sums[i] += (uint64_t)(a + left[i]) * (c + right[i]);
			sums[i + 1] += (uint64_t)(b + left[i + 1]) * (d + right[i + 1]);
		}
		left += 2;
		right += 2;
	}
	for (size_t i = 0; i < NH_PASSES; i++)
		le64_store(ret_hash + 8 * i, sums[2 * i] + sums[2 * i + 1]);
}
