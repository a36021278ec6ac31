// SPDX-License-Identifier: MIT
/*
 * LRW (Liskov, Rivest, Wagner 2002; the drafts of IEEE 1619) over an ECB cipher: block number I of
 * the disk is xored before and after with K2 * I in GF(2^128), where K2 are the last 16 bytes of
 * the key. All numbers are big-endian, bit i stands for x^i. The IV is the number of the sector's
 * first block.
 */
#include <errno.h>
#include <string.h>

#include "crypt/cipher.h"
#include "crypt/secret.h"
#include "util/macros.h"

#define SECTOR_LIMIT_BYTES 4096u

typedef unsigned __int128 u128;

struct lrw {
	struct cipher cipher;
	struct cipher *data;
	u128 powers[128]; /* K2 * x^i */
	u128 sums[128];   /* K2 * (x^i + ... + x + 1): what changes when a count carries i times */
	u128 mask[SECTOR_LIMIT_BYTES / CIPHER_BLOCK_BYTES]; /* of each block of a sector */
};

/* From big-endian bytes, and back: it is its own inverse. */
static u128 swap(u128 value)
{
	return (u128)__builtin_bswap64((uint64_t)value) << 64 |
	       __builtin_bswap64((uint64_t)(value >> 64));
}

static u128 load(const uint8_t *bytes)
{
	u128 value;

	memcpy(&value, bytes, sizeof(value));
	return swap(value);
}

static void tables_fill(struct lrw *lrw, u128 factor)
{
	u128 sum = 0;

	for (unsigned i = 0; i < 128; i++) {
		lrw->powers[i] = factor;
		lrw->sums[i] = sum ^= factor;
		/* Times x, modulo x^128 + x^7 + x^2 + x + 1. */
		factor = factor << 1 ^ (0x87 & -(factor >> 127));
	}
}

static u128 multiply(const struct lrw *lrw, u128 index)
{
	u128 product = 0;

	for (unsigned i = 0; index; i++, index >>= 1)
		product ^= lrw->powers[i] & -(index & 1);
	return product;
}

/* How often counting on from here carries; all ones count on to 0. */
static unsigned carries(u128 index)
{
	uint64_t low = (uint64_t)index, high = (uint64_t)(index >> 64);

	if (~low)
		return (unsigned)__builtin_ctzll(~low);
	return ~high ? 64 + (unsigned)__builtin_ctzll(~high) : 127;
}

static void mask_fill(struct lrw *lrw, u128 index, size_t blocks)
{
	u128 product = multiply(lrw, index);

	for (size_t i = 0; i < blocks; i++, index++) {
		lrw->mask[i] = swap(product);
		product ^= lrw->sums[carries(index)];
	}
}

static void mask_apply(const struct lrw *lrw, uint8_t *bytes, size_t blocks)
{
	u128 block;

	for (size_t i = 0; i < blocks; i++) {
		memcpy(&block, bytes + i * sizeof(block), sizeof(block));
		block ^= lrw->mask[i];
		memcpy(bytes + i * sizeof(block), &block, sizeof(block));
	}
}

static int lrw_crypt(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
		     size_t count, uint8_t *ivs)
{
	struct lrw *lrw = CONTAINER_OF(cipher, struct lrw, cipher);
	size_t blocks = sector_bytes / CIPHER_BLOCK_BYTES;
	uint8_t *bytes = sectors;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++, bytes += sector_bytes) {
		mask_fill(lrw, load(ivs + i * CIPHER_BLOCK_BYTES), blocks);
		mask_apply(lrw, bytes, blocks);
		r = cipher_crypt(lrw->data, encrypt, bytes, sector_bytes, 1, NULL);
		mask_apply(lrw, bytes, blocks);
	}
	return r;
}

static void lrw_free(struct cipher *cipher)
{
	struct lrw *lrw = CONTAINER_OF(cipher, struct lrw, cipher);

	cipher_free(lrw->data);
	secret_free(lrw);
}

static const struct cipher_ops lrw_ops = {
	.name = "lrw",
	.crypt = lrw_crypt,
	.free = lrw_free,
};

int cipher_lrw_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
		   size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason)
{
	struct lrw *lrw;
	int r;

	if (mode != CIPHER_LRW)
		return -EOPNOTSUPP;
	if (key_bytes <= CIPHER_BLOCK_BYTES) {
		*ret_reason = "an LRW key is the cipher's key and 128 bits more";
		return -EINVAL;
	}
	lrw = secret_new(sizeof(*lrw));
	if (!lrw)
		return -ENOMEM;
	lrw->cipher = (struct cipher){.ops = &lrw_ops, .iv_bytes = CIPHER_BLOCK_BYTES};
	tables_fill(lrw, load(key + key_bytes - CIPHER_BLOCK_BYTES));
	r = cipher_new(algorithm, CIPHER_ECB, key, key_bytes - CIPHER_BLOCK_BYTES, &lrw->data,
		       ret_reason);
	if (r < 0) {
		lrw_free(&lrw->cipher);
		return r;
	}
	*ret_cipher = &lrw->cipher;
	return 0;
}
