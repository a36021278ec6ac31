// SPDX-License-Identifier: MIT
#include "crypt/plain.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <string.h>

#include "crypt/loopaes.h"
#include "crypt/reason.h"
#include "crypt/spec.h"
#include "util/macros.h"

int volume_key_check(struct volume_key *key, uint64_t window_bytes,
		     char reason[UNLOCK_REASON_BYTES])
{
	uint64_t room, rest;

	if (key->data_offset_bytes >= window_bytes)
		return reason_set(reason, -EINVAL,
				  "its data begin at byte %llu, beyond its end at %llu",
				  (unsigned long long)key->data_offset_bytes,
				  (unsigned long long)window_bytes);
	room = window_bytes - key->data_offset_bytes;
	if (key->size_bytes > room)
		return reason_set(reason, -EINVAL,
				  "it ends %llu bytes before its data: is it truncated?",
				  (unsigned long long)(key->size_bytes - room));
	rest = (key->size_bytes ? key->size_bytes : room) % key->sector_size;
	if (rest && (key->size_bytes || rest >= 512))
		return reason_set(reason, -EINVAL,
				  "the size of its data is no multiple of its sectors of %u bytes",
				  key->sector_size);
	if (rest)
		key->size_bytes = room - rest;
	if (rest == room)
		return reason_set(reason, -EINVAL, "there is no room for a sector of data");
	return 0;
}

static bool sector_size_valid(uint32_t bytes)
{
	return bytes == 512 || bytes == 1024 || bytes == 2048 || bytes == 4096;
}

int plain_describe(const struct unlock_request *request, struct volume_key *key,
		   char reason[UNLOCK_REASON_BYTES])
{
	struct cipher_spec spec;
	const char *why = NULL;
	int r = cipher_spec_parse(request->spec, &spec, &why);

	if (r < 0)
		return reason_set(reason, r, "cipher %s: %s", request->spec, why ? why : "unknown");
	if (request->key_bits == 0 || request->key_bits % 8 != 0 ||
	    request->key_bits / 8 > VOLUME_KEY_LIMIT_BYTES)
		return reason_set(reason, -EINVAL, "a key of %u bits is not possible",
				  request->key_bits);
	if (!sector_size_valid(request->sector_size))
		return reason_set(reason, -EINVAL, "sectors of %u bytes are not possible",
				  request->sector_size);
	if (request->offset_sectors > INT64_MAX / 512)
		return reason_set(reason, -EINVAL, "its offset is too large");
	snprintf(key->type, sizeof(key->type), "plain");
	memcpy(key->spec, request->spec, sizeof(key->spec));
	key->sector_size = request->sector_size;
	key->iv_large_sectors = request->iv_large_sectors;
	key->iv_offset_sectors = request->skip_sectors;
	key->data_offset_bytes = request->offset_sectors * 512;
	key->size_bytes = 0;
	key->key_bytes = request->key_bits / 8;
	return volume_key_check(key, request->length_bytes, reason);
}

static int key_raw(const uint8_t *bytes, size_t length, struct volume_key *key,
		   char reason[UNLOCK_REASON_BYTES])
{
	if (length < key->key_bytes)
		return reason_set(reason, -EINVAL,
				  "keyfile is shorter than the key: %zu of %u bytes", length,
				  key->key_bytes);
	memcpy(key->key, bytes, key->key_bytes);
	return 0;
}

/*
 * A keyfile from standard input comes with the hash that is plain's default for passphrases; of
 * loop-AES it never was one.
 */
static const char *loopaes_hash(const char *hash)
{
	return strcmp(hash, "ripemd160") == 0 ? "" : hash;
}

int plain_key_without_child(const struct unlock_request *request, const uint8_t *bytes,
			    size_t length, struct volume_key *key, char reason[UNLOCK_REASON_BYTES])
{
	struct cipher_spec spec;
	const char *why;

	if (cipher_spec_parse(request->spec, &spec, &why) == 0 && spec.iv == IV_LMK)
		return loopaes_key(loopaes_hash(request->hash), bytes, length, key, reason);
	if (*request->hash == 0)
		return key_raw(bytes, length, key, reason);
	if (strcmp(request->hash, "plain") != 0)
		return -EAGAIN;
	memset(key->key, 0, key->key_bytes);
	memcpy(key->key, bytes, min_u64(length, key->key_bytes));
	return 0;
}

/* It gets a device because it wants one, and a cipher that it does not look at. */
static int hash_by_cryptsetup(struct crypt_device *device, const struct unlock_request *request,
			      const uint8_t *bytes, size_t length, struct volume_key *key)
{
	struct crypt_params_plain parameters = {.hash = request->hash, .sector_size = 512};
	size_t key_bytes = key->key_bytes;
	int r = crypt_format(device, CRYPT_PLAIN, "aes", "cbc-plain", NULL, NULL, key_bytes,
			     &parameters);

	if (r == 0)
		r = crypt_volume_key_get(device, CRYPT_ANY_SLOT, (char *)key->key, &key_bytes,
					 (const char *)bytes, length);
	return r < 0 ? r : 0;
}

int plain_key_hashed(const struct unlock_request *request, const uint8_t *bytes, size_t length,
		     struct volume_key *key, char reason[UNLOCK_REASON_BYTES])
{
	struct crypt_device *device;
	int r = crypt_init(&device, "/proc/self/exe");

	if (r < 0)
		return r;
	r = hash_by_cryptsetup(device, request, bytes, length, key);
	crypt_free(device);
	if (r < 0 && !*reason)
		reason_set(reason, r, "hash %s does not make a key of %u bits of it", request->hash,
			   request->key_bits);
	return r;
}
