/* SPDX-License-Identifier: MIT */
/* TrueCrypt and VeraCrypt by libcryptsetup, on a copy of the headers. In the child. */
#ifndef CRYPT_TCRYPT_H
#define CRYPT_TCRYPT_H

#include <stdint.h>

struct exchange;

/* Fills the answer; errors as unlock(). */
int tcrypt_answer(struct exchange *exchange, const uint8_t *passphrase);

#endif
