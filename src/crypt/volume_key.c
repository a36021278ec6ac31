// SPDX-License-Identifier: MIT
#include "crypt/volume_key.h"

#include <stddef.h>
#include <string.h>

#include "crypt/secret.h"

struct volume_key *volume_key_copy(const struct volume_key *key)
{
	size_t bytes = offsetof(struct volume_key, key) + key->key_bytes;
	struct volume_key *copy = secret_new(bytes);

	if (copy)
		memcpy((void *)copy, key, bytes);
	return copy;
}
