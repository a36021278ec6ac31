/* SPDX-License-Identifier: MIT */
/*
 * What it takes to read an encrypted volume, once somebody has unlocked it: dm-crypt's parameters
 * and the key. Lives in secret memory (secret.h) only.
 */
#ifndef CRYPT_VOLUME_KEY_H
#define CRYPT_VOLUME_KEY_H

#include <stdbool.h>
#include <stdint.h>

/* loop-AES: 64 keys of at most 64 bytes, and a seed of the same size. */
#define VOLUME_KEY_LIMIT_BYTES (65u * 64u)
/* Longest cipher spec, with its NUL: "capi:xts(serpent)-essiv:sha3-256". */
#define CIPHER_SPEC_LIMIT_BYTES 128u

struct volume_key {
	char type[8];                       /* "luks1", "luks2", "plain", "tcrypt" */
	char spec[CIPHER_SPEC_LIMIT_BYTES]; /* in dm-crypt's terms: "aes-xts-plain64" */
	uint32_t sector_size;               /* bytes: 512, 1024, 2048, 4096 */
	bool iv_large_sectors;      /* IVs count encryption sectors, not those of 512 bytes */
	uint64_t iv_offset_sectors; /* added to the number of each sector; in 512 bytes */
	uint64_t data_offset_bytes; /* first byte of the payload, from the window's start */
	uint64_t size_bytes;        /* of the payload; 0: to the end of the window */
	uint32_t key_bytes;
	uint8_t key[VOLUME_KEY_LIMIT_BYTES]; /* key_bytes of it; the last member */
};

/*
 * A copy in secret memory, without the part of `key` that is not used; NULL if there is no more of
 * it. The caller ends it with secret_free().
 */
struct volume_key *volume_key_copy(const struct volume_key *key);

#endif
