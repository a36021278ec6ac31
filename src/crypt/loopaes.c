// SPDX-License-Identifier: MIT
/*
 * As `cryptsetup open --type loopaes` does it; libcryptsetup gives that key to nobody but
 * device-mapper. Each line is hashed to a key; the first byte of each is changed by a constant that
 * depends on how many there are (0x55 for 64, 0xf4 for 65), which tells the versions apart.
 */
#include "crypt/loopaes.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "crypt/reason.h"
#include "crypt/secret.h"
#include "util/macros.h"

enum {
	KEY_COUNT = 64,
	KEY_COUNT_SEEDED = 65, /* the last one seeds the IVs */
};

struct lines {
	const uint8_t *starts[KEY_COUNT_SEEDED];
	size_t count;
	size_t length; /* of each */
};

static bool is_end(uint8_t byte)
{
	return byte == '\n' || byte == '\r' || byte == '\0';
}

/* Whether it is 64 or 65 lines of the same length, and nothing else. */
static bool lines_parse(struct lines *lines, const uint8_t *bytes, size_t length)
{
	const uint8_t *end = bytes + length;

	for (lines->count = 0; bytes < end; lines->count++) {
		const uint8_t *start = bytes;

		while (bytes < end && !is_end(*bytes))
			bytes++;
		if (lines->count == 0)
			lines->length = (size_t)(bytes - start);
		if (bytes == end || bytes == start || (size_t)(bytes - start) != lines->length ||
		    lines->count == KEY_COUNT_SEEDED)
			return false;
		lines->starts[lines->count] = start;
		while (bytes < end && is_end(*bytes))
			bytes++;
	}
	return lines->count == KEY_COUNT || lines->count == KEY_COUNT_SEEDED;
}

static const char *hash_of(size_t key_bytes)
{
	return key_bytes == 16 ? "sha256" : key_bytes == 24 ? "sha384" : "sha512";
}

static int lines_hash(const struct lines *lines, const EVP_MD *hash, size_t each_bytes,
		      uint8_t *keys)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	int done = 1;

	secret_begin();
	for (size_t i = 0; i < lines->count && done == 1; i++, keys += each_bytes) {
		done = EVP_Digest(lines->starts[i], lines->length, digest, NULL, hash, NULL);
		memcpy(keys, digest, each_bytes);
		keys[0] ^= lines->count == KEY_COUNT ? 0x55 : 0xf4;
	}
	secret_end();
	secret_wipe(digest, sizeof(digest));
	return done == 1 ? 0 : -EIO;
}

static int key_from_lines(const char *name, const struct lines *lines, size_t each_bytes,
			  struct volume_key *key, char reason[UNLOCK_REASON_BYTES])
{
	EVP_MD *hash = EVP_MD_fetch(NULL, *name ? name : hash_of(each_bytes), NULL);
	int r = -EINVAL;

	if (!hash || (size_t)EVP_MD_get_size(hash) < each_bytes)
		reason_set(reason, r, "hash %s does not make keys of %zu bits", name,
			   each_bytes * 8);
	else
		r = lines_hash(lines, hash, each_bytes, key->key);
	if (r == 0)
		key->key_bytes = (uint32_t)(lines->count * each_bytes);
	EVP_MD_free(hash);
	return r;
}

/* Of one key, whether one was given or the sum of all. */
static size_t key_each(size_t key_bytes)
{
	if (key_bytes < KEY_COUNT * 16)
		return key_bytes;
	return key_bytes % KEY_COUNT_SEEDED == 0 ? key_bytes / KEY_COUNT_SEEDED
						 : key_bytes / KEY_COUNT;
}

int loopaes_key(const char *hash, const uint8_t *bytes, size_t length, struct volume_key *key,
		char reason[UNLOCK_REASON_BYTES])
{
	size_t each_bytes = key_each(key->key_bytes);
	struct lines lines;

	if (each_bytes != 16 && each_bytes != 24 && each_bytes != 32)
		return reason_set(reason, -EINVAL, "loop-AES has keys of 128, 192 or 256 bits");
	if (lines_parse(&lines, bytes, length))
		return key_from_lines(hash, &lines, each_bytes, key, reason);
	if (length != KEY_COUNT * each_bytes && length != KEY_COUNT_SEEDED * each_bytes)
		return reason_set(
			reason, -EINVAL,
			"neither 64 or 65 lines of text of the same length, as a loop-AES "
			"keyfile has, nor so many keys of %zu bits",
			each_bytes * 8);
	memcpy(key->key, bytes, length);
	key->key_bytes = (uint32_t)length;
	return 0;
}
