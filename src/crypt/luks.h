/* SPDX-License-Identifier: MIT */
/* LUKS1 and LUKS2 by libcryptsetup, on a copy of the header. In the child, and in `create`. */
#ifndef CRYPT_LUKS_H
#define CRYPT_LUKS_H

#include <stddef.h>
#include <stdint.h>

#include "crypt/unlock.h"

struct crypt_device;
struct exchange;

/*
 * Everything of *key but the key, from a header that is loaded or was just made; `window_bytes` is
 * the length of what holds the data. 0, or negative errno and the reason as unlock_inspect().
 */
int luks_describe(struct crypt_device *device, uint64_t window_bytes, struct volume_key *key,
		  char reason[UNLOCK_REASON_BYTES]);

/* In the child: fills the answer. The passphrase may be NULL. Errors as unlock(). */
int luks_answer(struct exchange *exchange, const uint8_t *passphrase);

#endif
