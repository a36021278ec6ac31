// SPDX-License-Identifier: MIT
#include "crypt/luks.h"

#include <errno.h>
#include <json-c/json.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/fs.h>
#include <linux/keyctl.h>
#include <unistd.h>

#include "crypt/exchange.h"
#include "crypt/header_copy.h"
#include "crypt/plain.h"
#include "crypt/reason.h"
#include "crypt/spec.h"
#include "util/macros.h"

/* Two LUKS2 headers of the largest size; where the second is, only the first could say. */
#define METADATA_BYTES (8 * MIB)
/* The largest area of keyslots that LUKS2 knows; what claims more is no keyslot of ours. */
#define KEYSLOT_LIMIT_BYTES (128 * MIB)

/* SHA-1's; a digest that is shorter proves nothing. */
#define DIGEST_LEAST_BYTES 20

struct luks {
	struct header_copy header;
	struct header_copy data; /* all hole: only its length counts; if the header is detached */
	struct crypt_device *device;
};

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *found = NULL;

	json_object_object_get_ex(object, name, &found);
	return found;
}

static const char *text_of(struct json_object *object, const char *name)
{
	const char *text = json_object_get_string(member(object, name));

	return text ? text : "";
}

/* LUKS2 writes 64-bit numbers as text. */
static uint64_t number_of(struct json_object *object, const char *name)
{
	return strtoull(text_of(object, name), NULL, 10);
}

static int check_requirements(struct json_object *metadata, char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *names = member(member(member(metadata, "config"), "requirements"),
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
	if (member(segment, "integrity"))
		return reason_set(reason, -EOPNOTSUPP,
				  "it has integrity protection (%s), which needs dm-integrity",
				  text_of(member(segment, "integrity"), "type"));
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
	key->sector_size = (uint32_t)json_object_get_int(member(segment, "sector_size"));
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
	struct json_object *cost = member(kdf, name);
	int64_t value = cost ? json_object_get_int64(cost) : 1;

	return value > 0 && value <= UINT32_MAX;
}

/* A key that no cipher takes; deriving one of 2 GiB takes for ever, too. */
static bool key_size_valid(struct json_object *object)
{
	struct json_object *bytes = member(object, "key_size");

	return !bytes || (json_object_get_int64(bytes) > 0 &&
			  json_object_get_int64(bytes) <= VOLUME_KEY_LIMIT_BYTES);
}

static int check_keyslots(struct json_object *metadata, char reason[UNLOCK_REASON_BYTES])
{
	struct json_object *keyslots = member(metadata, "keyslots");

	if (!keyslots)
		return 0;
	json_object_object_foreach(keyslots, number, keyslot)
	{
		struct json_object *kdf = member(keyslot, "kdf");

		if (!cost_valid(kdf, "iterations") || !cost_valid(kdf, "time") ||
		    !cost_valid(kdf, "memory") || !cost_valid(kdf, "cpus"))
			return reason_set(reason, -EINVAL,
					  "its header is damaged: the key derivation of keyslot %s",
					  number);
		if (!key_size_valid(keyslot) || !key_size_valid(member(keyslot, "area")))
			return reason_set(reason, -EINVAL,
					  "its header is damaged: the key size of keyslot %s",
					  number);
	}
	return 0;
}

/* Of base64, which LUKS2 writes with padding. */
static uint64_t base64_bytes(struct json_object *object, const char *name)
{
	struct json_object *text = member(object, name);
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
	struct json_object *digests = member(metadata, "digests");

	if (!digests || json_object_object_length(digests) == 0)
		return reason_set(reason, -EINVAL,
				  "its LUKS header is damaged: no digest of its key");
	json_object_object_foreach(digests, name, digest)
	{
		if (strcmp(text_of(digest, "type"), "pbkdf2") != 0 ||
		    !json_object_is_type(member(digest, "hash"), json_type_string) ||
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
	struct json_object *segments = member(metadata, "segments");
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

/* What somebody meant, who takes this for LUKS. */
static int explain_magic(const struct header_copy *header, int error,
			 char reason[UNLOCK_REASON_BYTES])
{
	char magic[16] = "";

	if (pread(header->fd, magic, sizeof(magic), 0) < 0)
		return -errno;
	if (memcmp(magic, "LUKS\xde\xad", 6) == 0)
		return reason_set(reason, -EOPNOTSUPP,
				  "its reencryption was not finished: finish it with cryptsetup "
				  "reencrypt");
	if (memcmp(magic + 3, "-FVE-FS-", 8) == 0)
		return reason_set(reason, -EOPNOTSUPP, "BitLocker volumes are not supported");
	if (memcmp(magic, "LUKS\xba\xbe", 6) != 0)
		return reason_set(reason, -EINVAL, "there is no LUKS header");
	return *reason ? error : reason_set(reason, -EINVAL, "its LUKS header is damaged");
}

static int copy_keyslots(const struct luks *luks)
{
	int r = 0, count = crypt_keyslot_max(crypt_get_type(luks->device));

	for (int i = 0; i < count && r == 0; i++) {
		uint64_t offset, length;

		if (crypt_keyslot_area(luks->device, i, &offset, &length) == 0 &&
		    length <= KEYSLOT_LIMIT_BYTES)
			r = header_copy_range(&luks->header, offset, length);
	}
	return r;
}

static int header_length(int fd, uint64_t *ret_bytes)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	*ret_bytes = (uint64_t)status.st_size;
	if (S_ISBLK(status.st_mode) && ioctl(fd, BLKGETSIZE64, ret_bytes) < 0)
		return -errno;
	return S_ISBLK(status.st_mode) || S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

static int open_detached(const struct exchange *exchange, struct luks *luks)
{
	uint64_t length;
	int r = header_length(EXCHANGE_HEADER_FD, &length);

	if (r == 0)
		r = header_copy_open(EXCHANGE_HEADER_FD, 0, length, &luks->header);
	if (r == 0)
		r = header_copy_open(-1, 0, exchange->request.length_bytes, &luks->data);
	return r < 0 ? r
		     : crypt_init_data_device(&luks->device, luks->header.path, luks->data.path);
}

static int open_attached(const struct exchange *exchange, struct luks *luks)
{
	int r = header_copy_open(EXCHANGE_IMAGE_FD, exchange->request.start_bytes,
				 exchange->request.length_bytes, &luks->header);

	return r < 0 ? r : crypt_init(&luks->device, luks->header.path);
}

/* The process ends soon: only what holds a key is freed. */
static int luks_load(struct exchange *exchange, struct luks *luks)
{
	int r = exchange->has_header ? open_detached(exchange, luks)
				     : open_attached(exchange, luks);

	if (r == 0)
		r = header_copy_range(&luks->header, 0, METADATA_BYTES);
	if (r < 0)
		return r;
	r = crypt_load(luks->device, CRYPT_LUKS, NULL);
	return r < 0 ? explain_magic(&luks->header, r, exchange->reason) : 0;
}

static int refuse_slot(struct exchange *exchange, const char *what)
{
	return reason_set(exchange->reason, -EPERM, "keyslot %d %s", exchange->request.key_slot,
			  what);
}

/* An unbound slot would open, and give a key that is not this volume's. */
static int check_slot(struct crypt_device *device, struct exchange *exchange)
{
	int slot = exchange->request.key_slot;

	if (slot == UNLOCK_ANY_SLOT)
		return 0;
	switch (crypt_keyslot_status(device, slot)) {
	case CRYPT_SLOT_ACTIVE:
	case CRYPT_SLOT_ACTIVE_LAST:
		return 0;
	case CRYPT_SLOT_INACTIVE:
		return refuse_slot(exchange, "is empty");
	case CRYPT_SLOT_UNBOUND:
		return refuse_slot(exchange, "holds another key than this volume's");
	default:
		return refuse_slot(exchange, "does not exist");
	}
}

static int key_by_passphrase(struct crypt_device *device, struct exchange *exchange,
			     const uint8_t *passphrase)
{
	int slot = exchange->request.key_slot;
	size_t key_bytes = sizeof(exchange->key.key);
	int r = crypt_volume_key_get(device, slot, (char *)exchange->key.key, &key_bytes,
				     (const char *)passphrase, exchange->passphrase_length);

	if (r == -EPERM || r == -ENOENT)
		return slot == UNLOCK_ANY_SLOT
			       ? reason_set(exchange->reason, -EPERM,
					    "no key is available with this passphrase")
			       : refuse_slot(exchange, "does not open with this passphrase");
	exchange->key.key_bytes = (uint32_t)key_bytes;
	return r < 0 ? r : 0;
}

/*
 * A token may name a key of the user's keyring, which the session need not have; of this process
 * nothing is left when it has been used.
 */
static void link_user_keyring(void)
{
	syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING);
}

static int key_by_token(struct crypt_device *device, struct exchange *exchange)
{
	struct crypt_keyslot_context *context;
	size_t key_bytes = sizeof(exchange->key.key);
	int r = crypt_keyslot_context_init_by_token(device, CRYPT_ANY_TOKEN, NULL, NULL, 0, NULL,
						    &context);

	if (r == 0) {
		link_user_keyring();
		r = crypt_volume_key_get_by_keyslot_context(device, exchange->request.key_slot,
							    (char *)exchange->key.key, &key_bytes,
							    context);
		crypt_keyslot_context_free(context);
	}
	if (r < 0)
		return reason_set(exchange->reason, -ENOKEY,
				  "a passphrase is needed: no token of its header opens it");
	exchange->key.key_bytes = (uint32_t)key_bytes;
	return 0;
}

static int key_get(const struct luks *luks, struct exchange *exchange, const uint8_t *passphrase)
{
	int r = check_slot(luks->device, exchange);

	if (r == 0)
		r = copy_keyslots(luks);
	if (r < 0)
		return r;
	if (passphrase)
		return key_by_passphrase(luks->device, exchange, passphrase);
	if (strcmp(crypt_get_type(luks->device), CRYPT_LUKS2) != 0)
		return reason_set(exchange->reason, -ENOKEY, "a passphrase is needed");
	return key_by_token(luks->device, exchange);
}

/* Whoever writes to the volume must not reach its header. */
static int check_overlap(struct crypt_device *device, struct exchange *exchange)
{
	bool luks2 = strcmp(crypt_get_type(device), CRYPT_LUKS2) == 0;
	uint64_t metadata = 0, keyslots = 0, header;
	int r = crypt_get_metadata_size(device, &metadata, &keyslots);

	if (r < 0)
		return r;
	header = (luks2 ? 2 * metadata : metadata) + keyslots;
	if (exchange->has_header || exchange->key.data_offset_bytes >= header)
		return 0;
	return reason_set(exchange->reason, -EINVAL,
			  "its data begin at byte %llu, within the header: this is the detached "
			  "header of another image, or damaged",
			  (unsigned long long)exchange->key.data_offset_bytes);
}

int luks_answer(struct exchange *exchange, const uint8_t *passphrase)
{
	struct luks luks = {0};
	int r = luks_load(exchange, &luks);

	if (r == 0)
		r = luks_describe(luks.device, exchange->request.length_bytes, &exchange->key,
				  exchange->reason);
	if (r == 0)
		r = check_overlap(luks.device, exchange);
	if (r == 0 && !exchange->inspect)
		r = key_get(&luks, exchange, passphrase);
	crypt_free(luks.device);
	return r;
}
