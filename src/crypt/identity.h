/* SPDX-License-Identifier: MIT */
/*
 * Which volume key a LUKS header stands for, without knowing the key: what has changed when the
 * image was formatted anew or reencrypted, and what stays when keyslots come and go.
 */
#ifndef CRYPT_IDENTITY_H
#define CRYPT_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct luks_identity {
	bool luks;          /* there is a header, be it the second one of LUKS2 */
	uint8_t digest[32]; /* of its digests, segments and requirements */
};

/* Looks at byte `at` of an open image; `fd` may be O_DIRECT. 0 or negative errno. */
int luks_identity_read(int fd, uint64_t at, struct luks_identity *ret_identity);

bool luks_identity_same(const struct luks_identity *a, const struct luks_identity *b);

#endif
