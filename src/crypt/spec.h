/* SPDX-License-Identifier: MIT */
/*
 * A cipher spec in dm-crypt's terms, parsed: CIPHER[:KEYS]-MODE-IV[:OPTION], as in
 * "aes-xts-plain64", "aes-cbc-essiv:sha256", "aes:64-cbc-lmk", "xchacha12,aes-adiantum-plain64", or
 * the kernel's "capi:xts(aes)-plain64" (drivers/md/dm-crypt.c, crypt_ctr_cipher). Without mode and
 * IV it is "cbc-plain", as for cryptsetup and cryptoloop.
 */
#ifndef CRYPT_SPEC_H
#define CRYPT_SPEC_H

#include <stdint.h>

#include "crypt/cipher.h"

enum iv_type {
	IV_NONE,      /* the mode has none: ECB */
	IV_PLAIN,     /* 32 bits of the sector number, little-endian */
	IV_PLAIN64,   /* 64 bits */
	IV_PLAIN64BE, /* 64 bits, big-endian, at the end */
	IV_ESSIV,     /* the sector number, encrypted with a hash of the key */
	IV_NULL,      /* zeros */
	IV_BENBI,     /* big-endian count of cipher blocks, from 1 */
	IV_EBOIV,     /* the byte offset, encrypted with the key (BitLocker) */
	IV_LMK,       /* loop-AES: MD5 of sector and plaintext */
};

struct cipher_spec {
	char algorithm[64]; /* the kernel's name: "aes", "xchacha12,aes" */
	enum cipher_mode mode;
	enum iv_type iv;
	char iv_hash[32];   /* of ESSIV, the kernel's name: "sha256" */
	unsigned key_count; /* a power of two; sectors take the keys in turn */
};

/* 0, or -EINVAL (malformed), -EOPNOTSUPP (not ours: random IV, AEAD, ...) and the reason, a static
 * sentence. */
int cipher_spec_parse(const char *text, struct cipher_spec *ret_spec, const char **ret_reason);

#endif
