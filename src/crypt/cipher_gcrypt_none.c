// SPDX-License-Identifier: MIT
/* In place of cipher_gcrypt.c, where libgcrypt was not there to build with. */
#include <errno.h>
#include <string.h>

#include "crypt/cipher.h"

int cipher_gcrypt_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key,
		      size_t key_bytes, struct cipher **ret_cipher, const char **ret_reason)
{
	if (strcmp(algorithm, "serpent") == 0 || strcmp(algorithm, "twofish") == 0)
		*ret_reason = "Serpent and Twofish need libgcrypt, which this build is without";
	return -EOPNOTSUPP;
}
