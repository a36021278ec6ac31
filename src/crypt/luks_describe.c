// SPDX-License-Identifier: MIT
/*
 * What a LUKS header says of its volume, and what of it is refused: nobody who wrote it is trusted,
 * and libcryptsetup lets more through than could be served.
 */
#include <errno.h>
#include <json-c/json.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypt/luks.h"
#include "crypt/plain.h"
#include "crypt/reason.h"
#include "crypt/spec.h"
#include "util/macros.h"

/* SHA-1's; a digest that is shorter proves nothing. */
#define DIGEST_LEAST_BYTES 20

static const char *text_of(struct json_object *object, const char *name)
{
	const char *text = json_object_get_string(json_object_object_get(object, name));

	return text ? text : "";
}

/* LUKS2 writes 64-bit numbers as text. */
static uint64_t number_of(struct json_object *object, const char *name)
{
	return strtoull(text_of(object, name), NULL, 10);
}

static int check_requirements(struct json_object *metadata, char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *names = json_object_object_get(
		json_object_object_get(json_object_object_get(metadata, "config"), "requirements"),
		"mandatory");
	const char *name;

	if (!names || !json_object_is_type(names, json_type_array) ||
	    json_object_array_length(names) == 0)
		return 0;
	name = json_object_get_string(json_object_array_get_idx(names, 0));
	if (strstr(name, "reencrypt"))
		return reason_set(reason, -EOPNOTSUPP,
				  "its reencryption was not finished (%s): finish it with "
				  "cryptsetup reencrypt",
				  name);
	return reason_set(reason, -EOPNOTSUPP, "its header requires \"%s\", which is not supported",
			  name);
}

static int check_segment(struct json_object *segment, char reason[UNLOCK_REASON_BYTES])
{
	const char *type = text_of(segment, "type");

	if (strncmp(type, "hw-opal", strlen("hw-opal")) == 0)
		return reason_set(reason, -EOPNOTSUPP,
				  "its data are encrypted by the drive itself (OPAL), not by "
				  "software");
	if (strcmp(type, "crypt") != 0)
		return reason_set(reason, -EOPNOTSUPP, "its data are of an unknown type, \"%s\"",
				  type);
	if (json_object_object_get(segment, "integrity"))
		return reason_set(reason, -EOPNOTSUPP,
				  "it has integrity protection (%s), which needs dm-integrity",
				  text_of(json_object_object_get(segment, "integrity"), "type"));
	return 0;
}

static int describe_segment(struct json_object *segment, struct volume_key *key,
			    char reason[UNLOCK_REASON_BYTES])
{
	const char *spec = text_of(segment, "encryption");
	int r = check_segment(segment, reason);

	if (r < 0)
		return r;
	if (strlen(spec) >= sizeof(key->spec))
		return reason_set(reason, -EOPNOTSUPP, "its cipher is unknown");
	snprintf(key->spec, sizeof(key->spec), "%s", spec);
	key->sector_size = (uint32_t)json_object_get_int(
		json_object_object_get(segment, "sector_size"));
	key->iv_offset_sectors = number_of(segment, "iv_tweak");
	key->data_offset_bytes = number_of(segment, "offset");
	key->size_bytes = strcmp(text_of(segment, "size"), "dynamic") == 0
				  ? 0
				  : number_of(segment, "size");
	return 0;
}

/* libcryptsetup takes what is no 32-bit number for a very large one, and works for years. */
static bool cost_valid(struct json_object *kdf, const char *name)
{
	struct json_object *cost = json_object_object_get(kdf, name);
	int64_t value = cost ? json_object_get_int64(cost) : 1;

	return value > 0 && value <= UINT32_MAX;
}

/* A key that no cipher takes; deriving one of 2 GiB takes for ever, too. */
static bool key_size_valid(struct json_object *object)
{
	struct json_object *bytes = json_object_object_get(object, "key_size");

	return !bytes || (json_object_get_int64(bytes) > 0 &&
			  json_object_get_int64(bytes) <= VOLUME_KEY_LIMIT_BYTES);
}

static int check_keyslots(struct json_object *metadata, char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *keyslots = json_object_object_get(metadata, "keyslots");

	if (!keyslots)
		return 0;
	json_object_object_foreach(keyslots, number, keyslot)
	{
		struct json_object *kdf = json_object_object_get(keyslot, "kdf");

		if (!cost_valid(kdf, "iterations") || !cost_valid(kdf, "time") ||
		    !cost_valid(kdf, "memory") || !cost_valid(kdf, "cpus"))
			return reason_set(reason, -EINVAL,
					  "its header is damaged: the key derivation of keyslot %s",
					  number);
		if (!key_size_valid(keyslot) ||
		    !key_size_valid(json_object_object_get(keyslot, "area")))
			return reason_set(reason, -EINVAL,
					  "its header is damaged: the key size of keyslot %s",
					  number);
	}
	return 0;
}

/* Of base64, which LUKS2 writes with padding. */
static uint64_t base64_bytes(struct json_object *object, const char *name)
{
	struct json_object *text = json_object_object_get(object, name);
	const char *end;
	uint64_t length;

	if (!json_object_is_type(text, json_type_string))
		return 0;
	length = strlen(json_object_get_string(text));
	end = json_object_get_string(text) + length;
	if (length == 0 || length % 4)
		return 0;
	return length / 4 * 3 - (end[-1] == '=') - (end[-2] == '=');
}

/*
 * libcryptsetup 2.6 takes any passphrase for the right one if the digest, which is what a key is
 * compared with, is missing or empty: and then data would be written with a key of noise.
 */
static int check_digests(struct json_object *metadata, char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *digests = json_object_object_get(metadata, "digests");

	if (!digests || json_object_object_length(digests) == 0)
		return reason_set(reason, -EINVAL,
				  "its LUKS header is damaged: no digest of its key");
	json_object_object_foreach(digests, name, digest)
	{
		if (strcmp(text_of(digest, "type"), "pbkdf2") != 0 ||
		    !json_object_is_type(json_object_object_get(digest, "hash"),
					 json_type_string) ||
		    *text_of(digest, "hash") == 0 || base64_bytes(digest, "salt") == 0 ||
		    base64_bytes(digest, "digest") < DIGEST_LEAST_BYTES)
			return reason_set(reason, -EINVAL,
					  "its LUKS header is damaged: digest %s of its key", name);
	}
	return 0;
}

static int describe_metadata(struct json_object *metadata, struct volume_key *key,
			     char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *segments = json_object_object_get(metadata, "segments");
	struct json_object_iterator first;
	int r = check_requirements(metadata, reason);

	if (r == 0)
		r = check_keyslots(metadata, reason);
	if (r == 0)
		r = check_digests(metadata, reason);
	if (r < 0)
		return r;
	if (!segments || json_object_object_length(segments) == 0)
		return reason_set(reason, -EINVAL, "its header names no data");
	if (json_object_object_length(segments) > 1)
		return reason_set(reason, -EOPNOTSUPP, "its data are in %d segments, not in one",
				  json_object_object_length(segments));
	first = json_object_iter_begin(segments);
	return describe_segment(json_object_iter_peek_value(&first), key, reason);
}

static int describe_luks2(struct crypt_device *device, struct volume_key *key,
			  char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *metadata;
	const char *text;
	int r = crypt_dump_json(device, &text, 0);

	if (r < 0)
		return r;
	metadata = json_tokener_parse(text);
	if (!metadata)
		return -ENOMEM;
	snprintf(key->type, sizeof(key->type), "luks2");
	r = describe_metadata(metadata, key, reason);
	json_object_put(metadata);
	return r;
}

static int describe_luks1(struct crypt_device *device, struct volume_key *key)
{
	snprintf(key->type, sizeof(key->type), "luks1");
	snprintf(key->spec, sizeof(key->spec), "%s-%s", crypt_get_cipher(device),
		 crypt_get_cipher_mode(device));
	key->sector_size = 512;
	key->data_offset_bytes = crypt_get_data_offset(device) * 512;
	return 0;
}

/* A cipher that no key will help with. */
static int check_cipher(const struct volume_key *key, char reason[UNLOCK_REASON_BYTES])
{
	struct cipher_spec spec;
	const char *why = "unknown";
	int r = cipher_spec_parse(key->spec, &spec, &why);

	return r < 0 ? reason_set(reason, r, "its cipher, %s: %s", key->spec, why) : 0;
}

int luks_describe(struct crypt_device *device, uint64_t window_bytes, struct volume_key *key,
		  char reason[UNLOCK_REASON_BYTES])
{
	int r = strcmp(crypt_get_type(device), CRYPT_LUKS2) == 0
			? describe_luks2(device, key, reason)
			: describe_luks1(device, key);

	if (r < 0)
		return r;
	key->key_bytes = (uint32_t)crypt_get_volume_key_size(device);
	if (key->sector_size < 512 || (key->sector_size & (key->sector_size - 1)) != 0 ||
	    key->sector_size > 4096)
		return reason_set(reason, -EINVAL, "its header is damaged: sectors of %u bytes",
				  key->sector_size);
	r = check_cipher(key, reason);
	return r < 0 ? r : volume_key_check(key, window_bytes, reason);
}
