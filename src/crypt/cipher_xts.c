// SPDX-License-Identifier: MIT
/*
 * XTS (IEEE 1619-2007) over an ECB cipher: for those without an XTS of their own, and for keys that
 * OpenSSL's refuses. Whole pages go through the cipher at once.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "crypt/cipher.h"
#include "crypt/secret.h"
#include "util/macros.h"

#define CHUNK_BYTES 4096u

struct tweak {
	uint64_t low, high; /* little-endian 128 bits, in the CPU's order */
};

struct xts {
	struct cipher cipher;
	struct cipher *data, *tweak;
	uint64_t mask[CHUNK_BYTES / sizeof(uint64_t)]; /* the tweak of each block of a chunk */
};

/* Times x in GF(2^128), modulo x^128 + x^7 + x^2 + x + 1. */
static struct tweak tweak_next(struct tweak tweak)
{
	uint64_t carry = tweak.high >> 63;

	tweak.high = tweak.high << 1 | tweak.low >> 63;
	tweak.low = tweak.low << 1 ^ (0x87 & -carry);
	return tweak;
}

static void mask_fill(uint64_t *mask, const uint8_t *first, size_t bytes)
{
	struct tweak tweak;

	memcpy(&tweak, first, sizeof(tweak));
	tweak.low = le64toh(tweak.low);
	tweak.high = le64toh(tweak.high);
	for (size_t i = 0; i < bytes / sizeof(*mask); i += 2) {
		mask[i] = htole64(tweak.low);
		mask[i + 1] = htole64(tweak.high);
		tweak = tweak_next(tweak);
	}
}

static void mask_apply(const uint64_t *mask, uint8_t *bytes, size_t length)
{
	uint64_t word;

	for (size_t i = 0; i < length / sizeof(word); i++) {
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		word ^= mask[i];
		memcpy(bytes + i * sizeof(word), &word, sizeof(word));
	}
}

static int xts_chunk(struct xts *xts, bool encrypt, uint8_t *bytes, size_t sector_bytes,
		     size_t count, const uint8_t *tweaks)
{
	size_t length = count * sector_bytes;
	int r;

	for (size_t i = 0; i < count; i++)
		mask_fill(xts->mask + i * sector_bytes / sizeof(*xts->mask),
			  tweaks + i * CIPHER_BLOCK_BYTES, sector_bytes);
	mask_apply(xts->mask, bytes, length);
	r = cipher_crypt(xts->data, encrypt, bytes, length, 1, NULL);
	mask_apply(xts->mask, bytes, length);
	return r;
}

static int xts_crypt(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
		     size_t count, uint8_t *ivs)
{
	struct xts *xts = CONTAINER_OF(cipher, struct xts, cipher);
	size_t step = CHUNK_BYTES / sector_bytes;
	uint8_t *bytes = sectors;
	int r = cipher_crypt(xts->tweak, true, ivs, CIPHER_BLOCK_BYTES, count, NULL);

	for (size_t i = 0; i < count && r == 0; i += step)
		r = xts_chunk(xts, encrypt, bytes + i * sector_bytes, sector_bytes,
			      min_u64(step, count - i), ivs + i * CIPHER_BLOCK_BYTES);
	return r;
}

static void xts_free(struct cipher *cipher)
{
	struct xts *xts = CONTAINER_OF(cipher, struct xts, cipher);

	cipher_free(xts->data);
	cipher_free(xts->tweak);
	secret_free(xts);
}

static const struct cipher_ops xts_ops = {
	.name = "xts",
	.crypt = xts_crypt,
	.free = xts_free,
};

int cipher_xts_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
		   size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason)
{
	struct xts *xts;
	int r;

	if (mode != CIPHER_XTS)
		return -EOPNOTSUPP;
	if (key_bytes % 2) {
		*ret_reason = "an XTS key is two keys of the same size";
		return -EINVAL;
	}
	xts = secret_new(sizeof(*xts));
	if (!xts)
		return -ENOMEM;
	xts->cipher = (struct cipher){.ops = &xts_ops, .iv_bytes = CIPHER_BLOCK_BYTES};
	r = cipher_new(algorithm, CIPHER_ECB, key, key_bytes / 2, &xts->data, ret_reason);
	if (r == 0)
		r = cipher_new(algorithm, CIPHER_ECB, key + key_bytes / 2, key_bytes / 2,
			       &xts->tweak, ret_reason);
	if (r < 0) {
		xts_free(&xts->cipher);
		return r;
	}
	*ret_cipher = &xts->cipher;
	return 0;
}
