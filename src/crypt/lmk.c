// SPDX-License-Identifier: MIT
/* MD5's state is wanted before its padding, which OpenSSL has in its old interface only. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypt/lmk.h"

#include <endian.h>
#include <openssl/md5.h>
#include <string.h>

/* loop-AES ends each sector with what MD5's padding would say of 503 bytes: 4024 bits. */
#define LMK_BITS 4024u

static void lmk_iv(const uint8_t *seed, const uint8_t *sector, uint64_t number,
		   uint8_t ret_iv[CIPHER_BLOCK_BYTES])
{
	const uint32_t end[4] = {
		htole32((uint32_t)number),
		htole32(((uint32_t)(number >> 32) & 0x00ffffff) | 0x80000000), /* 56 bits */
		htole32(LMK_BITS),
		0,
	};
	MD5_CTX md5;
	uint32_t state[4];

	MD5_Init(&md5);
	if (seed)
		MD5_Update(&md5, seed, LMK_SEED_BYTES);
	MD5_Update(&md5, sector + CIPHER_BLOCK_BYTES, LMK_SECTOR_BYTES - CIPHER_BLOCK_BYTES);
	MD5_Update(&md5, end, sizeof(end));
	state[0] = htole32(md5.A);
	state[1] = htole32(md5.B);
	state[2] = htole32(md5.C);
	state[3] = htole32(md5.D);
	memcpy(ret_iv, state, sizeof(state));
}

int lmk_crypt(struct cipher *cbc, const uint8_t *seed, bool encrypt, uint8_t *sector,
	      uint64_t number)
{
	uint8_t iv[CIPHER_BLOCK_BYTES] = {0};
	int r;

	if (encrypt)
		lmk_iv(seed, sector, number, iv);
	r = cipher_crypt(cbc, encrypt, sector, LMK_SECTOR_BYTES, 1, iv);
	if (encrypt || r < 0)
		return r;
	lmk_iv(seed, sector, number, iv);
	for (size_t i = 0; i < CIPHER_BLOCK_BYTES; i++)
		sector[i] ^= iv[i];
	return 0;
}
