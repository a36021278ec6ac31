/* SPDX-License-Identifier: MIT */
/* Keys of loop-AES, version 2 and 3: a keyfile of 64 or 65 lines of text, decrypted already. */
#ifndef CRYPT_LOOPAES_H
#define CRYPT_LOOPAES_H

#include <stddef.h>
#include <stdint.h>

#include "crypt/unlock.h"

/*
 * key->key_bytes says how large one key is, or all 64 or 65 of them together; then it is set to the
 * latter. `hash` is "" for loop-AES's own choice: SHA-256, -384, -512 for keys of 128, 192, 256
 * bits. What is not such text is taken for the keys themselves. Errors as unlock().
 */
int loopaes_key(const char *hash, const uint8_t *bytes, size_t length, struct volume_key *key,
		char reason[UNLOCK_REASON_BYTES]);

#endif
