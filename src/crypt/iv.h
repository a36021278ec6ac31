/* SPDX-License-Identifier: MIT */
/*
 * The IV of a sector: what dm-crypt calls an IV generator (drivers/md/dm-crypt.c). One for each key
 * of a volume and each lane; LMK, whose IV depends on the data, is in lmk.h.
 */
#ifndef CRYPT_IV_H
#define CRYPT_IV_H

#include "crypt/spec.h"

struct iv {
	enum iv_type type;
	size_t bytes;          /* of one IV */
	uint32_t sector_bytes; /* for EBOIV */
	struct cipher *cipher; /* ESSIV: keyed with the hash, owned; EBOIV: the volume's first, not
				  owned */
};

/*
 * `cipher` is the volume's with its first key, which must stay for EBOIV; `key`, the one that this
 * IV goes with. 0, or negative errno and *ret_reason: -EINVAL if
 * the hash's size is no key size, -EOPNOTSUPP for an unknown hash.
 */
int iv_init(struct iv *iv, const struct cipher_spec *spec, uint32_t sector_bytes,
	    struct cipher *cipher, const uint8_t *key, size_t key_bytes, const char **ret_reason);
void iv_destroy(struct iv *iv);

/*
 * The IVs of `count` sectors, numbered `number`, `number + step`, ..., to `ret_ivs`, iv->bytes
 * each. 0 or -EIO.
 */
int iv_fill(struct iv *iv, uint64_t number, uint64_t step, size_t count, uint8_t *ret_ivs);

#endif
