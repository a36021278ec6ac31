// SPDX-License-Identifier: MIT
/*
 * Adiantum (Crowley and Biggers, "Adiantum: length-preserving encryption for entry-level
 * processors", 2018), with the 32-byte tweak of the kernel's crypto/adiantum.c. A sector is a bulk
 * and a last block. The block, plus a hash of the bulk, goes through AES; what it is between the
 * two is the nonce of the stream that the bulk is xored with; then a hash of the new bulk is
 * subtracted from it. Backwards is the same, with AES after the stream.
 *
 * Sectors are done eight at a time: AES then has eight blocks for a call, and the nonces of all
 * become stream keys at once.
 */
#include <errno.h>
#include <string.h>

#include "crypt/chacha.h"
#include "crypt/cipher.h"
#include "crypt/nh.h"
#include "crypt/poly1305.h"
#include "crypt/secret.h"
#include "util/little_endian.h"
#include "util/macros.h"

enum {
	KEY_BYTES = CHACHA_KEY_BYTES,
	AES_KEY_BYTES = 32,
	TWEAK_BYTES = 32,
	BATCH = CHACHA_LANES,
};

struct adiantum {
	struct cipher cipher;
	struct cipher *aes;
	unsigned rounds;
	uint8_t key[KEY_BYTES];
	struct poly1305_key tweak_key, bulk_key;
	struct nh nh;

	/* Of the sectors at hand; here, as on the stack they would not be in locked memory. */
	u128 tweak_hashes[BATCH];
	uint8_t middles[BATCH][CIPHER_BLOCK_BYTES]; /* the last block, between the hashes */
	uint8_t stream_keys[BATCH][CHACHA_KEY_BYTES];
	uint8_t stream[CHACHA_STREAM_BYTES];
};

/* What the key becomes; the names are those of the paper, whose K_H the last three are (6.4). */
struct derived {
	uint8_t k_e[AES_KEY_BYTES];
	uint8_t k_t[POLY1305_KEY_BYTES];
	uint8_t k_l[POLY1305_KEY_BYTES];
	uint8_t k_n[NH_KEY_BYTES];
};

static u128 block_load(const uint8_t *bytes)
{
	return (u128)le64_load(bytes + 8) << 64 | le64_load(bytes);
}

static void block_store(uint8_t *bytes, u128 block)
{
	le64_store(bytes, (uint64_t)block);
	le64_store(bytes + 8, (uint64_t)(block >> 64));
}

static u128 tweak_hash(const struct adiantum *adiantum, const uint8_t *tweak, size_t bulk_bytes)
{
	uint8_t message[CIPHER_BLOCK_BYTES + TWEAK_BYTES];
	struct poly1305_sum sum = {0};

	block_store(message, 8 * bulk_bytes);
	memcpy(message + CIPHER_BLOCK_BYTES, tweak, TWEAK_BYTES);
	poly1305_add(&sum, &adiantum->tweak_key, message, sizeof(message) / POLY1305_BLOCK_BYTES);
	return poly1305_result(&sum);
}

static u128 bulk_hash(const struct adiantum *adiantum, const uint8_t *bulk, size_t bytes)
{
	uint8_t hash[NH_HASH_BYTES];
	struct poly1305_sum sum = {0};

	for (size_t done = 0; done < bytes; done += NH_MESSAGE_BYTES) {
		nh_hash(&adiantum->nh, bulk + done, min_u64(NH_MESSAGE_BYTES, bytes - done), hash);
		poly1305_add(&sum, &adiantum->bulk_key, hash, NH_HASH_BYTES / POLY1305_BLOCK_BYTES);
	}
	return poly1305_result(&sum);
}

/* `bytes` is a multiple of 16. */
static void bytes_xor(uint8_t *to, const uint8_t *from, size_t bytes)
{
	uint64_t a[2], b[2];

	for (size_t i = 0; i < bytes; i += sizeof(a)) {
		memcpy(a, to + i, sizeof(a));
		memcpy(b, from + i, sizeof(b));
		a[0] ^= b[0];
		a[1] ^= b[1];
		memcpy(to + i, a, sizeof(a));
	}
}

/*
 * XChaCha's nonce is the block, a 1 and seven zeros. Its first 16 bytes made the stream key, the
 * others are the end of ChaCha's nonce.
 */
static void bulk_xor(struct adiantum *adiantum, const uint8_t *stream_key, uint8_t *bulk,
		     size_t bytes)
{
	static const uint8_t nonce[CHACHA_NONCE_BYTES] = {[4] = 1};
	uint32_t counter = 0;

	for (size_t done = 0; done < bytes; done += CHACHA_STREAM_BYTES, counter += CHACHA_LANES) {
		chacha_stream(stream_key, adiantum->rounds, counter, nonce, adiantum->stream);
		bytes_xor(bulk + done, adiantum->stream,
			  min_u64(CHACHA_STREAM_BYTES, bytes - done));
	}
}

static void hashes_add(struct adiantum *adiantum, const uint8_t *sectors, size_t sector_bytes,
		       size_t count, const uint8_t *tweaks)
{
	size_t bulk_bytes = sector_bytes - CIPHER_BLOCK_BYTES;

	for (size_t i = 0; i < count; i++, sectors += sector_bytes) {
		u128 *hash = &adiantum->tweak_hashes[i];

		*hash = tweak_hash(adiantum, tweaks + i * TWEAK_BYTES, bulk_bytes);
		block_store(adiantum->middles[i], block_load(sectors + bulk_bytes) + *hash +
							  bulk_hash(adiantum, sectors, bulk_bytes));
	}
}

static void streams_xor(struct adiantum *adiantum, uint8_t *sectors, size_t sector_bytes,
			size_t count)
{
	chacha_subkeys(adiantum->key, adiantum->rounds, adiantum->middles, adiantum->stream_keys);
	for (size_t i = 0; i < count; i++, sectors += sector_bytes)
		bulk_xor(adiantum, adiantum->stream_keys[i], sectors,
			 sector_bytes - CIPHER_BLOCK_BYTES);
}

static void hashes_subtract(struct adiantum *adiantum, uint8_t *sectors, size_t sector_bytes,
			    size_t count)
{
	size_t bulk_bytes = sector_bytes - CIPHER_BLOCK_BYTES;

	for (size_t i = 0; i < count; i++, sectors += sector_bytes)
		block_store(sectors + bulk_bytes, block_load(adiantum->middles[i]) -
							  adiantum->tweak_hashes[i] -
							  bulk_hash(adiantum, sectors, bulk_bytes));
}

static int batch_crypt(struct adiantum *adiantum, bool encrypt, uint8_t *sectors,
		       size_t sector_bytes, size_t count, const uint8_t *tweaks)
{
	int r = 0;

	hashes_add(adiantum, sectors, sector_bytes, count, tweaks);
	if (encrypt)
		r = cipher_crypt(adiantum->aes, true, adiantum->middles, CIPHER_BLOCK_BYTES, count,
				 NULL);
	if (r < 0)
		return r;
	streams_xor(adiantum, sectors, sector_bytes, count);
	if (!encrypt)
		r = cipher_crypt(adiantum->aes, false, adiantum->middles, CIPHER_BLOCK_BYTES, count,
				 NULL);
	hashes_subtract(adiantum, sectors, sector_bytes, count);
	return r;
}

static int adiantum_crypt(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
			  size_t count, uint8_t *ivs)
{
	struct adiantum *adiantum = CONTAINER_OF(cipher, struct adiantum, cipher);
	uint8_t *bytes = sectors;
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i += BATCH)
		r = batch_crypt(adiantum, encrypt, bytes + i * sector_bytes, sector_bytes,
				min_u64(BATCH, count - i), ivs + i * TWEAK_BYTES);
	return r;
}

static void adiantum_free(struct cipher *cipher)
{
	struct adiantum *adiantum = CONTAINER_OF(cipher, struct adiantum, cipher);

	cipher_free(adiantum->aes);
	secret_free(adiantum);
}

static const struct cipher_ops adiantum_ops = {
	.name = "adiantum",
	.crypt = adiantum_crypt,
	.free = adiantum_free,
};

/* The beginning of XChaCha's stream with the nonce 1, 0, ..., of which HChaCha takes the 1. */
static void stream_begin(struct adiantum *adiantum, const uint8_t *key, uint8_t *bytes,
			 size_t length)
{
	static const uint8_t nonce[CHACHA_NONCE_BYTES] = {0};
	uint32_t counter = 0;

	adiantum->middles[0][0] = 1;
	chacha_subkeys(key, adiantum->rounds, adiantum->middles, adiantum->stream_keys);
	for (size_t done = 0; done < length; done += CHACHA_STREAM_BYTES, counter += CHACHA_LANES) {
		chacha_stream(adiantum->stream_keys[0], adiantum->rounds, counter, nonce,
			      adiantum->stream);
		memcpy(bytes + done, adiantum->stream, min_u64(CHACHA_STREAM_BYTES, length - done));
	}
}

/* The stack then holds the key that these follow from; the same with zeros overwrites it. */
static void key_derive(struct adiantum *adiantum, struct derived *ret_derived)
{
	static const uint8_t nothing[KEY_BYTES] = {0};
	uint8_t ignored;

	stream_begin(adiantum, adiantum->key, (uint8_t *)ret_derived, sizeof(*ret_derived));
	stream_begin(adiantum, nothing, &ignored, sizeof(ignored));
}

static int adiantum_set_key(struct adiantum *adiantum, const uint8_t *key, const char **ret_reason)
{
	_cleanup_secret_ struct derived *derived = secret_new(sizeof(*derived));

	if (!derived)
		return -ENOMEM;
	memcpy(adiantum->key, key, sizeof(adiantum->key));
	key_derive(adiantum, derived);
	poly1305_set_key(&adiantum->tweak_key, derived->k_t);
	poly1305_set_key(&adiantum->bulk_key, derived->k_l);
	nh_set_key(&adiantum->nh, derived->k_n);
	return cipher_new("aes", CIPHER_ECB, derived->k_e, sizeof(derived->k_e), &adiantum->aes,
			  ret_reason);
}

static unsigned rounds_of(const char *algorithm)
{
	if (strcmp(algorithm, "xchacha12,aes") == 0)
		return 12;
	return strcmp(algorithm, "xchacha20,aes") == 0 ? 20 : 0;
}

int cipher_adiantum_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
			size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason)
{
	struct adiantum *adiantum;
	int r;

	if (mode != CIPHER_ADIANTUM || rounds_of(algorithm) == 0)
		return -EOPNOTSUPP;
	if (key_bytes != KEY_BYTES) {
		*ret_reason = "an Adiantum key has 256 bits";
		return -EINVAL;
	}
	adiantum = secret_new(sizeof(*adiantum));
	if (!adiantum)
		return -ENOMEM;
	adiantum->cipher = (struct cipher){.ops = &adiantum_ops, .iv_bytes = TWEAK_BYTES};
	adiantum->rounds = rounds_of(algorithm);
	r = adiantum_set_key(adiantum, key, ret_reason);
	if (r < 0) {
		adiantum_free(&adiantum->cipher);
		return r;
	}
	*ret_cipher = &adiantum->cipher;
	return 0;
}
