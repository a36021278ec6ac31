/* SPDX-License-Identifier: MIT */
/*
 * The sectors of a volume, en- and decrypted in place as dm-crypt would. Each lane has its own
 * contexts, made when the volume is opened; nothing is allocated or locked afterwards.
 */
#ifndef CRYPT_SECTOR_H
#define CRYPT_SECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "crypt/volume_key.h"

struct sectors;

/*
 * Contexts for `lanes` threads. The key is copied. 0, or negative errno and *ret_reason a static
 * sentence: -EINVAL (key size, sector size, IV offset do not fit the cipher), -EOPNOTSUPP (a cipher
 * that is not ours), -ENOMEM.
 */
int sectors_new(const struct volume_key *key, unsigned lanes, struct sectors **ret_sectors,
		const char **ret_reason);
void sectors_free(struct sectors *sectors); /* wipes; NULL may be freed */

/* Bytes of an encryption sector. */
uint32_t sectors_bytes(const struct sectors *sectors);

/*
 * Whether a part of a sector, read while the rest is being written with other bytes, decrypts to
 * neither: in all modes but ECB, XTS and LRW, which encrypt each block of 16 bytes by itself.
 */
bool sectors_chained(const struct sectors *sectors);

/*
 * `length` bytes of the payload from byte `offset` on, both multiples of sectors_bytes(). 0 or
 * -EIO. Only for the thread that this lane is.
 */
int sectors_encrypt(struct sectors *sectors, unsigned lane, void *bytes, uint64_t length,
		    uint64_t offset);
int sectors_decrypt(struct sectors *sectors, unsigned lane, void *bytes, uint64_t length,
		    uint64_t offset);

#endif
