/* SPDX-License-Identifier: MIT */
/*
 * A cipher with one key, in one mode, for one thread at a time. Which library or file of ours does
 * it, cipher_new() decides; who calls it cannot tell them apart.
 */
#ifndef CRYPT_CIPHER_H
#define CRYPT_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cipher_mode {
	CIPHER_ECB,
	CIPHER_CBC,
	CIPHER_XTS, /* IEEE 1619; the key is two keys */
	CIPHER_LRW, /* kernel crypto/lrw.c: the last 16 bytes of the key are the tweak's */
	CIPHER_ADIANTUM,
};

enum {
	CIPHER_BLOCK_BYTES = 16, /* of every cipher that we have */
	CIPHER_IV_LIMIT_BYTES = 32,
};

struct cipher;

struct cipher_ops {
	const char *name; /* "openssl", "libgcrypt", ... */
	/*
	 * En- or decrypts in place `count` sectors of `sector_bytes` (a multiple of 16, at most
	 * 4096) that follow each other, with `iv_bytes` of IV for each at `ivs`, which may be
	 * overwritten. Allocates nothing. 0 or -EIO.
	 */
	int (*crypt)(struct cipher *cipher, bool encrypt, void *sectors, size_t sector_bytes,
		     size_t count, uint8_t *ivs);
	void (*free)(struct cipher *cipher); /* wipes */
};

/* Every implementation begins with it, and lies in secret memory. */
struct cipher {
	const struct cipher_ops *ops;
	size_t iv_bytes; /* 0 for ECB */
};

/*
 * `algorithm` is the kernel's name ("aes"; for Adiantum "xchacha12,aes"). 0, or negative errno and
 * *ret_reason a static sentence: -EINVAL for a key of the wrong size, -EOPNOTSUPP for an algorithm
 * that this build does not have, -ENOMEM.
 */
int cipher_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key, size_t key_bytes,
	       struct cipher **ret_cipher, const char **ret_reason);
void cipher_free(struct cipher *cipher); /* NULL may be freed */

static inline int cipher_crypt(struct cipher *cipher, bool encrypt, void *sectors,
			       size_t sector_bytes, size_t count, uint8_t *ivs)
{
	return cipher->ops->crypt(cipher, encrypt, sectors, sector_bytes, count, ivs);
}

/*
 * The implementations, as cipher_new(); -EOPNOTSUPP if they do not have it. The first two do ECB,
 * CBC and what their library has; the others make a mode of an ECB cipher.
 */
typedef int cipher_make(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
			size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason);
cipher_make cipher_openssl_new, cipher_gcrypt_new, cipher_xts_new, cipher_lrw_new,
	cipher_adiantum_new;

#endif
