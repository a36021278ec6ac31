// SPDX-License-Identifier: MIT
/* AES, Camellia, ARIA and SM4 in the modes that OpenSSL has for them. */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "crypt/cipher.h"
#include "crypt/secret.h"
#include "util/macros.h"

struct openssl {
	struct cipher cipher;
	EVP_CIPHER_CTX *encrypt, *decrypt;
};

static EVP_CIPHER_CTX *context_of(struct cipher *cipher, bool encrypt)
{
	struct openssl *openssl = CONTAINER_OF(cipher, struct openssl, cipher);

	return encrypt ? openssl->encrypt : openssl->decrypt;
}

static int openssl_blocks(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
			  size_t count, uint8_t *ivs)
{
	int done;

	return EVP_CipherUpdate(context_of(cipher, encrypt), sectors, &done, sectors,
				(int)(count * sector_bytes)) == 1
		       ? 0
		       : -EIO;
}

static int openssl_sectors(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
			   size_t count, uint8_t *ivs)
{
	EVP_CIPHER_CTX *context = context_of(cipher, encrypt);
	unsigned char *bytes = sectors;
	int done;

	for (size_t i = 0; i < count; i++, bytes += sector_bytes)
		if (EVP_CipherInit_ex(context, NULL, NULL, NULL, ivs + i * CIPHER_BLOCK_BYTES,
				      -1) != 1 ||
		    EVP_CipherUpdate(context, bytes, &done, bytes, (int)sector_bytes) != 1)
			return -EIO;
	return 0;
}

static void openssl_free(struct cipher *cipher)
{
	struct openssl *openssl = CONTAINER_OF(cipher, struct openssl, cipher);

	EVP_CIPHER_CTX_free(openssl->encrypt);
	EVP_CIPHER_CTX_free(openssl->decrypt);
	secret_free(openssl);
}

static const struct cipher_ops openssl_ecb = {
	.name = "openssl",
	.crypt = openssl_blocks,
	.free = openssl_free,
};

static const struct cipher_ops openssl_with_iv = {
	.name = "openssl",
	.crypt = openssl_sectors,
	.free = openssl_free,
};

static EVP_CIPHER_CTX *context_new(const EVP_CIPHER *type, const uint8_t *key, bool encrypt)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();

	if (!context)
		return NULL;
	if (EVP_CipherInit_ex(context, type, NULL, key, NULL, encrypt) == 1 &&
	    EVP_CIPHER_CTX_set_padding(context, 0) == 1)
		return context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

static int openssl_new(const EVP_CIPHER *type, enum cipher_mode mode, const uint8_t *key,
		       struct cipher **ret_cipher)
{
	struct openssl *openssl;

	secret_begin();
	openssl = secret_new(sizeof(*openssl));
	if (openssl) {
		openssl->cipher.ops = mode == CIPHER_ECB ? &openssl_ecb : &openssl_with_iv;
		openssl->cipher.iv_bytes = mode == CIPHER_ECB ? 0 : CIPHER_BLOCK_BYTES;
		openssl->encrypt = context_new(type, key, true);
		openssl->decrypt = context_new(type, key, false);
	}
	secret_end();
	if (!openssl)
		return -ENOMEM;
	if (!openssl->encrypt || !openssl->decrypt) {
		openssl_free(&openssl->cipher);
		return -ENOMEM;
	}
	*ret_cipher = &openssl->cipher;
	return 0;
}

static bool has_algorithm(const char *algorithm)
{
	static const char *const algorithms[] = {"aes", "camellia", "aria", "sm4"};

	for (size_t i = 0; i < ARRAY_LENGTH(algorithms); i++)
		if (strcmp(algorithms[i], algorithm) == 0)
			return true;
	return false;
}

/* OpenSSL's name of a cipher: "aes-256-xts", "SM4-CBC" (which has one key size only). */
static int type_name(const char *algorithm, enum cipher_mode mode, size_t key_bytes, char *name,
		     size_t room)
{
	static const char *const modes[] = {
		[CIPHER_ECB] = "ecb", [CIPHER_CBC] = "cbc", [CIPHER_XTS] = "xts"};
	bool sm4 = strcmp(algorithm, "sm4") == 0;
	size_t bits = 8 * key_bytes / (mode == CIPHER_XTS ? 2 : 1);

	if (sm4 && bits != 128)
		return -EINVAL;
	if (sm4)
		snprintf(name, room, "sm4-%s", modes[mode]);
	else
		snprintf(name, room, "%s-%zu-%s", algorithm, bits, modes[mode]);
	return 0;
}

/* OpenSSL refuses equal halves, which dm-crypt takes: such a key is for cipher_xts.c. */
static bool mode_fits(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
		      size_t key_bytes)
{
	if (mode != CIPHER_XTS)
		return mode == CIPHER_ECB || mode == CIPHER_CBC;
	return strcmp(algorithm, "aes") == 0 && (key_bytes == 32 || key_bytes == 64) &&
	       CRYPTO_memcmp(key, key + key_bytes / 2, key_bytes / 2) != 0;
}

int cipher_openssl_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
		       size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason)
{
	EVP_CIPHER *type = NULL;
	char name[32];
	int r = -EINVAL;

	if (!has_algorithm(algorithm) || !mode_fits(algorithm, mode, key, key_bytes))
		return -EOPNOTSUPP;
	if (type_name(algorithm, mode, key_bytes, name, sizeof(name)) == 0)
		type = EVP_CIPHER_fetch(NULL, name, NULL);
	if (type)
		r = openssl_new(type, mode, key, ret_cipher);
	else
		*ret_reason = "the cipher has no key of this size";
	EVP_CIPHER_free(type);
	return r;
}
