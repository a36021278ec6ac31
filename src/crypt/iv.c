// SPDX-License-Identifier: MIT
#include "crypt/iv.h"

#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>

#include "crypt/secret.h"

/* Blocks of the cipher in the 512 bytes that a sector number counts. */
#define BLOCKS_PER_SECTOR (512 / CIPHER_BLOCK_BYTES)

/* For as long as the process lives. */
static OSSL_PROVIDER *legacy;

static void legacy_load(void)
{
	legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
}

/* The kernel's names are aliases of OpenSSL's; the old ones are in its legacy provider. */
static EVP_MD *hash_find(const char *name)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	EVP_MD *hash = EVP_MD_fetch(NULL, name, NULL);

	if (hash)
		return hash;
	pthread_once(&once, legacy_load);
	return EVP_MD_fetch(NULL, name, NULL);
}

static int essiv_init(struct iv *iv, const struct cipher_spec *spec, const uint8_t *key,
		      size_t key_bytes, const char **ret_reason)
{
	uint8_t salt[EVP_MAX_MD_SIZE];
	unsigned salt_bytes;
	EVP_MD *hash = hash_find(spec->iv_hash);
	int done, r = -EIO;

	if (!hash) {
		*ret_reason = "OpenSSL does not know the hash of essiv";
		return -EOPNOTSUPP;
	}
	secret_begin();
	done = EVP_Digest(key, key_bytes, salt, &salt_bytes, hash, NULL);
	secret_end();
	if (done == 1)
		r = cipher_new(spec->algorithm, CIPHER_ECB, salt, salt_bytes, &iv->cipher,
			       ret_reason);
	secret_wipe(salt, sizeof(salt));
	EVP_MD_free(hash);
	if (r == -EINVAL)
		*ret_reason = "the size of essiv's hash is no key size of the cipher";
	return r;
}

int iv_init(struct iv *iv, const struct cipher_spec *spec, uint32_t sector_bytes,
	    struct cipher *cipher, const uint8_t *key, size_t key_bytes, const char **ret_reason)
{
	*iv = (struct iv){
		.type = spec->iv, .bytes = cipher->iv_bytes, .sector_bytes = sector_bytes};
	if (spec->iv == IV_EBOIV)
		iv->cipher = cipher;
	return spec->iv == IV_ESSIV ? essiv_init(iv, spec, key, key_bytes, ret_reason) : 0;
}

void iv_destroy(struct iv *iv)
{
	if (iv->type == IV_ESSIV)
		cipher_free(iv->cipher);
}

static void put64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

static void iv_number(const struct iv *iv, uint64_t number, uint8_t *ret_iv)
{
	uint8_t *end = ret_iv + iv->bytes - sizeof(number);

	memset(ret_iv, 0, iv->bytes);
	switch (iv->type) {
	case IV_PLAIN:
		put64(ret_iv, htole64((uint32_t)number));
		break;
	case IV_PLAIN64:
	case IV_ESSIV:
		put64(ret_iv, htole64(number));
		break;
	case IV_PLAIN64BE:
		put64(end, htobe64(number));
		break;
	case IV_BENBI:
		put64(end, htobe64(number * BLOCKS_PER_SECTOR + 1));
		break;
	case IV_EBOIV:
		put64(ret_iv, htole64(number * iv->sector_bytes));
		break;
	case IV_NONE:
	case IV_NULL:
	case IV_LMK:
		break;
	}
}

/* What the volume's cipher makes of a block of zeros with the byte offset as its IV. */
static int eboiv_encrypt(struct iv *iv, size_t count, uint8_t *ivs)
{
	uint8_t offset[CIPHER_IV_LIMIT_BYTES];
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++, ivs += iv->bytes) {
		memcpy(offset, ivs, iv->bytes);
		memset(ivs, 0, iv->bytes);
		r = cipher_crypt(iv->cipher, true, ivs, iv->bytes, 1, offset);
	}
	return r;
}

int iv_fill(struct iv *iv, uint64_t number, uint64_t step, size_t count, uint8_t *ret_ivs)
{
	if (iv->bytes == 0)
		return 0;
	for (size_t i = 0; i < count; i++, number += step)
		iv_number(iv, number, ret_ivs + i * iv->bytes);
	if (iv->type == IV_ESSIV)
		return cipher_crypt(iv->cipher, true, ret_ivs, iv->bytes, count, NULL);
	return iv->type == IV_EBOIV ? eboiv_encrypt(iv, count, ret_ivs) : 0;
}
