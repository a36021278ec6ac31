/* SPDX-License-Identifier: MIT */
/* Volumes without a header: dm-crypt's plain, cryptoloop, loop-AES. */
#ifndef CRYPT_PLAIN_H
#define CRYPT_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "crypt/unlock.h"

/* Everything of *key but the key. Errors as unlock(). */
int plain_describe(const struct unlock_request *request, struct volume_key *key,
		   char reason[UNLOCK_REASON_BYTES]);

/*
 * The key, where it needs no hash that libcryptsetup has: the raw bytes of a keyfile, a passphrase
 * that is the key ("plain"), the lines of a loop-AES keyfile. -EAGAIN: not such a one; otherwise
 * errors as unlock().
 */
int plain_key_without_child(const struct unlock_request *request, const uint8_t *bytes,
			    size_t length, struct volume_key *key,
			    char reason[UNLOCK_REASON_BYTES]);

/* In the child: passphrase to key as cryptsetup does it. */
int plain_key_hashed(const struct unlock_request *request, const uint8_t *bytes, size_t length,
		     struct volume_key *key, char reason[UNLOCK_REASON_BYTES]);

/*
 * Whether payload and sectors of *key fit into a window of this length. A rest of less than 512
 * bytes at its end is cut off, as a loop device does; -EINVAL and the reason.
 */
int volume_key_check(struct volume_key *key, uint64_t window_bytes,
		     char reason[UNLOCK_REASON_BYTES]);

#endif
