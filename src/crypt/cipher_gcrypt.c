// SPDX-License-Identifier: MIT
/* Serpent and Twofish: libgcrypt has them in ECB and CBC. */
#include <errno.h>
#include <gcrypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

#include "crypt/cipher.h"
#include "crypt/secret.h"
#include "util/macros.h"

struct gcrypt {
	struct cipher cipher;
	gcry_cipher_hd_t context;
};

/* Its secure memory is ours, which is also left out of core dumps. */
static void *allocate_secret(size_t bytes)
{
	return OPENSSL_secure_malloc(bytes);
}

static int is_secret(const void *memory)
{
	return CRYPTO_secure_allocated(memory);
}

static void *reallocate(void *memory, size_t bytes)
{
	void *grown;

	if (!memory || !CRYPTO_secure_allocated(memory))
		return realloc(memory, bytes);
	grown = OPENSSL_secure_malloc(bytes);
	if (!grown)
		return NULL;
	memcpy(grown, memory, min_u64(OPENSSL_secure_actual_size(memory), bytes));
	OPENSSL_secure_free(memory);
	return grown;
}

static void release(void *memory)
{
	if (CRYPTO_secure_allocated(memory))
		OPENSSL_secure_free(memory);
	else
		free(memory);
}

static void gcrypt_start(void)
{
	gcry_set_allocation_handler(malloc, allocate_secret, is_secret, reallocate, release);
	gcry_check_version(NULL);
	gcry_control(GCRYCTL_DISABLE_SECMEM_WARN);
	gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
}

static int gcrypt_crypt(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
			size_t count, uint8_t *ivs)
{
	gcry_cipher_hd_t context = CONTAINER_OF(cipher, struct gcrypt, cipher)->context;
	size_t step = cipher->iv_bytes ? sector_bytes : count * sector_bytes;
	unsigned char *bytes = sectors, *end = bytes + count * sector_bytes;
	gcry_error_t error = 0;

	for (; bytes < end && !error; bytes += step) {
		if (cipher->iv_bytes) {
			gcry_cipher_setiv(context, ivs, cipher->iv_bytes);
			ivs += cipher->iv_bytes;
		}
		error = encrypt ? gcry_cipher_encrypt(context, bytes, step, NULL, 0)
				: gcry_cipher_decrypt(context, bytes, step, NULL, 0);
	}
	return error ? -EIO : 0;
}

static void gcrypt_free(struct cipher *cipher)
{
	struct gcrypt *gcrypt = CONTAINER_OF(cipher, struct gcrypt, cipher);

	gcry_cipher_close(gcrypt->context);
	secret_free(gcrypt);
}

static const struct cipher_ops gcrypt_ops = {
	.name = "libgcrypt",
	.crypt = gcrypt_crypt,
	.free = gcrypt_free,
};

/*
 * Serpent takes any key up to 256 bits and pads it with a one bit and zeros (Anderson, Biham,
 * Knudsen 1998); libgcrypt does that for three sizes only, but ESSIV may hash to others.
 */
static int serpent_key(const uint8_t *key, size_t key_bytes, uint8_t padded[32])
{
	if (key_bytes > 32)
		return -EINVAL;
	memset(padded, 0, 32);
	memcpy(padded, key, key_bytes);
	if (key_bytes < 32)
		padded[key_bytes] = 1;
	return 0;
}

/* libgcrypt's number of the cipher, or 0. */
static int find_algorithm(const char *algorithm, size_t key_bytes)
{
	if (strcmp(algorithm, "serpent") == 0)
		return GCRY_CIPHER_SERPENT256;
	if (strcmp(algorithm, "twofish") == 0)
		return key_bytes == 16 ? GCRY_CIPHER_TWOFISH128 : GCRY_CIPHER_TWOFISH;
	return 0;
}

/* Twofish with 192 bits is another cipher than with 256, and libgcrypt does not have it. */
static int set_key(gcry_cipher_hd_t context, int number, const uint8_t *key, size_t key_bytes)
{
	uint8_t padded[32];
	int r;

	if (number != GCRY_CIPHER_SERPENT256)
		return gcry_cipher_setkey(context, key, key_bytes) ? -EINVAL : 0;
	r = serpent_key(key, key_bytes, padded);
	if (r == 0 && gcry_cipher_setkey(context, padded, sizeof(padded)))
		r = -EINVAL;
	secret_wipe(padded, sizeof(padded));
	return r;
}

int cipher_gcrypt_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
		      size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int number = find_algorithm(algorithm, key_bytes);
	int gcrypt_mode = mode == CIPHER_ECB ? GCRY_CIPHER_MODE_ECB : GCRY_CIPHER_MODE_CBC;
	struct gcrypt *gcrypt;
	int r;

	if (number == 0 || (mode != CIPHER_ECB && mode != CIPHER_CBC))
		return -EOPNOTSUPP;
	pthread_once(&once, gcrypt_start);
	gcrypt = secret_new(sizeof(*gcrypt));
	if (!gcrypt)
		return -ENOMEM;
	gcrypt->cipher.ops = &gcrypt_ops;
	gcrypt->cipher.iv_bytes = mode == CIPHER_ECB ? 0 : CIPHER_BLOCK_BYTES;
	if (gcry_cipher_open(&gcrypt->context, number, gcrypt_mode, GCRY_CIPHER_SECURE)) {
		secret_free(gcrypt);
		return -ENOMEM;
	}
	r = set_key(gcrypt->context, number, key, key_bytes);
	if (r < 0) {
		*ret_reason = key_bytes == 24 ? "libgcrypt has no Twofish with 192 bits"
					      : "the cipher has no key of this size";
		gcrypt_free(&gcrypt->cipher);
		return r;
	}
	*ret_cipher = &gcrypt->cipher;
	return 0;
}
