// SPDX-License-Identifier: MIT
#include "crypt/cipher.h"

#include <errno.h>

#include "util/macros.h"

int cipher_new(const char *algorithm, enum cipher_mode mode, const uint8_t *key, size_t key_bytes,
	       struct cipher **ret_cipher, const char **ret_reason)
{
	/* A library that has the mode is faster than we are over its ECB. */
	static cipher_make *const makes[] = {cipher_openssl_new, cipher_gcrypt_new, cipher_xts_new,
					     cipher_lrw_new, cipher_adiantum_new};
	const char *reason = NULL;
	int r = -EOPNOTSUPP;

	for (size_t i = 0; i < ARRAY_LENGTH(makes) && r == -EOPNOTSUPP; i++)
		r = makes[i](algorithm, mode, key, key_bytes, ret_cipher, &reason);
	if (r < 0)
		*ret_reason = reason ? reason
			      : r == -EOPNOTSUPP
				      ? "no cipher of this name is known"
				      : "its contexts do not fit into locked memory (ulimit -l)";
	return r;
}

void cipher_free(struct cipher *cipher)
{
	if (cipher)
		cipher->ops->free(cipher);
}
