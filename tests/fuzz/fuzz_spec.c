// SPDX-License-Identifier: MIT
/* Cipher specs, as they stand in the headers of images from anywhere. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_spec(const struct cipher_spec *spec)
{
	assert(memchr(spec->algorithm, 0, sizeof(spec->algorithm)) && spec->algorithm[0]);
	assert(memchr(spec->iv_hash, 0, sizeof(spec->iv_hash)));
	assert(spec->mode <= CIPHER_ADIANTUM && spec->iv <= IV_LMK);
	assert(spec->key_count && !(spec->key_count & (spec->key_count - 1)));
	assert((spec->iv == IV_ESSIV) == (spec->iv_hash[0] != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own length, so that reading past the end is noticed. */
	char *text = strndup((const char *)data, size);
	const char *reason = NULL;
	struct cipher_spec spec;
	int r = cipher_spec_parse(text, &spec, &reason);

	if (r == 0)
		check_spec(&spec);
	else
		assert(r < 0 && reason && reason[0]);
	free(text);
	return 0;
}
