// SPDX-License-Identifier: MIT
/*
 * dm-crypt's loop over the sectors (crypt_convert): the number of a sector counts units of 512
 * bytes from the start of the payload, plus the IV offset; it chooses the key, and makes the IV,
 * for which iv_large_sectors counts encryption sectors instead.
 */
#include "crypt/sector.h"

#include <errno.h>
#include <string.h>

#include "crypt/iv.h"
#include "crypt/lmk.h"
#include "crypt/secret.h"
#include "crypt/spec.h"
#include "util/macros.h"

/* IVs that are made at once, so that a cipher sees more than one sector. */
#define BATCH_SECTORS 64u

/* One of the keys, for one lane. */
struct keyed {
	struct cipher *cipher;
	struct iv iv;
};

struct sectors {
	struct cipher_spec spec;
	uint32_t bytes; /* of an encryption sector */
	unsigned shift; /* of a sector number, for the IV */
	uint64_t iv_offset;
	bool lmk_seeded;
	uint8_t lmk_seed[LMK_SEED_BYTES];
	unsigned keyed_count; /* lanes times keys */
	struct keyed keyed[];
};

/* loop-AES version 3 has one key more than dm-crypt names; that is the seed of the IVs. */
static int split_key(struct sectors *sectors, const struct volume_key *key, size_t *ret_part_bytes,
		     const char **ret_reason)
{
	unsigned parts = sectors->spec.key_count;
	const uint8_t *seed;

	if (key->key_bytes == 0 || key->key_bytes > VOLUME_KEY_LIMIT_BYTES) {
		*ret_reason = "no cipher has a key of this size";
		return -EINVAL;
	}
	if (sectors->spec.iv == IV_LMK && key->key_bytes % parts) {
		parts++;
		sectors->lmk_seeded = true;
	}
	if (key->key_bytes % parts) {
		*ret_reason = "the key is no whole number of keys, as the cipher wants them";
		return -EINVAL;
	}
	*ret_part_bytes = key->key_bytes / parts;
	seed = key->key + sectors->spec.key_count * *ret_part_bytes;
	if (sectors->lmk_seeded)
		memcpy(sectors->lmk_seed, seed, min_u64(*ret_part_bytes, LMK_SEED_USED_BYTES));
	return 0;
}

static int check_geometry(const struct cipher_spec *spec, const struct volume_key *key,
			  const char **ret_reason)
{
	uint32_t bytes = key->sector_size;

	if (bytes != 512 && bytes != 1024 && bytes != 2048 && bytes != 4096)
		*ret_reason = "an encryption sector is 512, 1024, 2048 or 4096 bytes";
	else if (spec->iv == IV_LMK && bytes != LMK_SECTOR_BYTES)
		*ret_reason = "loop-AES has sectors of 512 bytes only";
	else if (key->iv_offset_sectors % (bytes / 512))
		*ret_reason = "the IV offset (skip=) is no multiple of the encryption sector";
	else
		return 0;
	return -EINVAL;
}

/*
 * A library's XTS takes a sector at a time. With small ones, one call of its ECB for a whole page
 * is faster: AES-256 did 3.9 against 2.9 GB/s with sectors of 512 bytes, 3.9 against 6.0 with 4096.
 */
static int keyed_cipher(struct keyed *keyed, const struct sectors *sectors, const uint8_t *key,
			size_t key_bytes, const char **ret_reason)
{
	const struct cipher_spec *spec = &sectors->spec;
	cipher_make *make = spec->mode == CIPHER_XTS && sectors->bytes < 1024 ? cipher_xts_new
									      : cipher_new;

	return make(spec->algorithm, spec->mode, key, key_bytes, &keyed->cipher, ret_reason);
}

/* Key number `index` of all lanes. EBOIV encrypts with the first one, whichever the sector's is. */
static int keyed_init(struct sectors *sectors, unsigned index, const uint8_t *key, size_t key_bytes,
		      const char **ret_reason)
{
	const struct cipher_spec *spec = &sectors->spec;
	struct keyed *keyed = &sectors->keyed[index];
	const struct keyed *first = &sectors->keyed[round_down(index, spec->key_count)];
	int r = keyed_cipher(keyed, sectors, key, key_bytes, ret_reason);

	if (r < 0)
		return r;
	return iv_init(&keyed->iv, spec, sectors->bytes, first->cipher, key, key_bytes, ret_reason);
}

static int sectors_init(struct sectors *sectors, const struct volume_key *key,
			const char **ret_reason)
{
	unsigned count = sectors->spec.key_count;
	size_t part_bytes;
	int r;

	sectors->bytes = key->sector_size;
	sectors->iv_offset = key->iv_offset_sectors;
	if (key->iv_large_sectors)
		sectors->shift = (unsigned)__builtin_ctz(key->sector_size / 512);
	r = split_key(sectors, key, &part_bytes, ret_reason);
	for (unsigned i = 0; i < sectors->keyed_count && r == 0; i++)
		r = keyed_init(sectors, i, key->key + i % count * part_bytes, part_bytes,
			       ret_reason);
	return r;
}

int sectors_new(const struct volume_key *key, unsigned lanes, struct sectors **ret_sectors,
		const char **ret_reason)
{
	struct cipher_spec spec;
	struct sectors *sectors;
	int r = cipher_spec_parse(key->spec, &spec, ret_reason);

	if (r == 0)
		r = check_geometry(&spec, key, ret_reason);
	if (r < 0)
		return r;
	sectors = secret_new(sizeof(*sectors) +
			     (size_t)lanes * spec.key_count * sizeof(struct keyed));
	if (!sectors) {
		*ret_reason = "its contexts do not fit into locked memory (ulimit -l)";
		return -ENOMEM;
	}
	sectors->spec = spec;
	sectors->keyed_count = lanes * spec.key_count;
	r = sectors_init(sectors, key, ret_reason);
	if (r < 0)
		sectors_free(sectors);
	else
		*ret_sectors = sectors;
	return r;
}

void sectors_free(struct sectors *sectors)
{
	for (unsigned i = 0; sectors && i < sectors->keyed_count; i++) {
		iv_destroy(&sectors->keyed[i].iv);
		cipher_free(sectors->keyed[i].cipher);
	}
	secret_free(sectors);
}

uint32_t sectors_bytes(const struct sectors *sectors)
{
	return sectors->bytes;
}

bool sectors_chained(const struct sectors *sectors)
{
	return sectors->spec.mode == CIPHER_CBC || sectors->spec.mode == CIPHER_ADIANTUM;
}

/* `count` sectors that have the same key. */
static int sectors_batch(struct sectors *sectors, struct keyed *keyed, bool encrypt, uint8_t *bytes,
			 size_t count, uint64_t number)
{
	uint8_t ivs[BATCH_SECTORS * CIPHER_IV_LIMIT_BYTES];
	uint64_t step = sectors->bytes / 512 >> sectors->shift;
	int r;

	if (sectors->spec.iv == IV_LMK)
		return lmk_crypt(keyed->cipher, sectors->lmk_seeded ? sectors->lmk_seed : NULL,
				 encrypt, bytes, number);
	r = iv_fill(&keyed->iv, number >> sectors->shift, step, count, ivs);
	if (r < 0)
		return r;
	return cipher_crypt(keyed->cipher, encrypt, bytes, sectors->bytes, count, ivs);
}

static int sectors_crypt(struct sectors *sectors, unsigned lane, bool encrypt, uint8_t *bytes,
			 uint64_t length, uint64_t offset)
{
	unsigned keys = sectors->spec.key_count;
	struct keyed *keyed = sectors->keyed + (size_t)lane * keys;
	uint64_t batch = keys > 1 ? sectors->bytes : BATCH_SECTORS * sectors->bytes;
	int r = 0;

	for (uint64_t done = 0, now; done < length && r == 0; done += now) {
		uint64_t number = (offset + done) / 512 + sectors->iv_offset;

		now = min_u64(batch, length - done);
		r = sectors_batch(sectors, &keyed[number & (keys - 1)], encrypt, bytes + done,
				  now / sectors->bytes, number);
	}
	return r;
}

int sectors_encrypt(struct sectors *sectors, unsigned lane, void *bytes, uint64_t length,
		    uint64_t offset)
{
	return sectors_crypt(sectors, lane, true, bytes, length, offset);
}

int sectors_decrypt(struct sectors *sectors, unsigned lane, void *bytes, uint64_t length,
		    uint64_t offset)
{
	return sectors_crypt(sectors, lane, false, bytes, length, offset);
}
