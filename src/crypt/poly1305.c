// SPDX-License-Identifier: MIT
#include "crypt/poly1305.h"

#include "util/little_endian.h"

/* RFC 8439, 2.5: some bits of the key are always 0, so that products leave room for carries. */
void poly1305_set_key(struct poly1305_key *key, const uint8_t bytes[POLY1305_KEY_BYTES])
{
	key->low = le64_load(bytes) & 0x0ffffffc0fffffff;
	key->high = le64_load(bytes + 8) & 0x0ffffffc0ffffffc;
}

static void sum_add(struct poly1305_sum *sum, uint64_t low, uint64_t high, uint64_t top)
{
	u128 carry = (u128)sum->low + low;

	sum->low = (uint64_t)carry;
	carry = (carry >> 64) + sum->high + high;
	sum->high = (uint64_t)carry;
	sum->top += (uint64_t)(carry >> 64) + top;
}

/*
 * Modulo 2^130 - 5, where 2^130 is 5: high * 2^128, as high is a multiple of 4, is 5 / 4 * high.
 * With top <= 6 nothing overflows.
 */
static void sum_multiply(struct poly1305_sum *sum, const struct poly1305_key *key)
{
	uint64_t folded = key->high + (key->high >> 2);
	u128 low = (u128)sum->low * key->low + (u128)sum->high * folded;
	u128 high = (u128)sum->low * key->high + (u128)sum->high * key->low + sum->top * folded;
	uint64_t top = sum->top * key->low;

	high += low >> 64;
	top += (uint64_t)(high >> 64);
	*sum = (struct poly1305_sum){(uint64_t)low, (uint64_t)high, top & 3};
	sum_add(sum, (top >> 2) * 5, 0, 0);
}

void poly1305_add(struct poly1305_sum *sum, const struct poly1305_key *key, const uint8_t *blocks,
		  size_t count)
{
	struct poly1305_sum s = *sum;

	for (size_t i = 0; i < count; i++, blocks += POLY1305_BLOCK_BYTES) {
		sum_add(&s, le64_load(blocks), le64_load(blocks + 8), 1);
		sum_multiply(&s, key);
	}
	*sum = s;
}

/* The sum is less than twice the modulus: 2^130 or more with 5 added means to take it off once. */
u128 poly1305_result(const struct poly1305_sum *sum)
{
	struct poly1305_sum above = *sum;

	sum_add(&above, 5, 0, 0);
	return ((u128)sum->high << 64 | sum->low) + 5 * (above.top >> 2);
}
