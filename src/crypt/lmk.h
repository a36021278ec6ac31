/* SPDX-License-Identifier: MIT */
/*
 * The IV of loop-AES versions 2 and 3: MD5 of the sector's plaintext without its first block, and
 * of its number (drivers/md/dm-crypt.c, crypt_iv_lmk). Since decrypting does not know the plaintext
 * yet, CBC runs with an IV of zeros, and the IV is xored into the first block afterwards.
 */
#ifndef CRYPT_LMK_H
#define CRYPT_LMK_H

#include <stdbool.h>
#include <stdint.h>

#include "crypt/cipher.h"

enum {
	LMK_SECTOR_BYTES = 512,
	LMK_SEED_BYTES = 64,      /* of zeros but for the first ones */
	LMK_SEED_USED_BYTES = 16, /* of the 65th key */
};

/* In place, one sector; `seed` is NULL for version 2. 0 or -EIO. */
int lmk_crypt(struct cipher *cbc, const uint8_t *seed, bool encrypt, uint8_t *sector,
	      uint64_t number);

#endif
