// SPDX-License-Identifier: MIT
#include "crypt/identity.h"

#include <endian.h>
#include <errno.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <string.h>

#include "util/macros.h"
#include "util/pages.h"

/* LUKS1 on-disk format 1.2.3, struct luks_phdr: all before the keyslots. */
#define LUKS1_BYTES 208
/* LUKS2 on-disk format 1.1.1: binary header, then JSON to hdr_size; the second one where luksFormat
 * puts it unless it is told of another size. */
#define LUKS2_BINARY_BYTES  4096
#define LUKS2_LIMIT_BYTES   (4 * MIB)
#define LUKS2_SECOND_OFFSET 0x4000

/* Magic, then the version, big-endian. */
static const unsigned char luks1_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1};
static const unsigned char luks2_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 2};
static const unsigned char second_magic[] = {'S', 'K', 'U', 'L', 0xba, 0xbe, 0, 2};

static void add_text(EVP_MD_CTX *hash, struct json_object *object)
{
	const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);

	EVP_DigestUpdate(hash, text, strlen(text) + 1);
}

static void add_member(EVP_MD_CTX *hash, struct json_object *object, const char *name)
{
	struct json_object *found = NULL;

	json_object_object_get_ex(object, name, &found);
	add_text(hash, found);
}

/* Of a digest, all but the list of keyslots. */
static void add_metadata(EVP_MD_CTX *hash, struct json_object *metadata)
{
	struct json_object *digests = NULL, *config = NULL;

	add_member(hash, metadata, "segments");
	if (json_object_object_get_ex(metadata, "config", &config))
		add_member(hash, config, "requirements");
	if (!json_object_object_get_ex(metadata, "digests", &digests) ||
	    !json_object_is_type(digests, json_type_object))
		return;
	json_object_object_foreach(digests, name, digest)
	{
		EVP_DigestUpdate(hash, name, strlen(name) + 1);
		add_member(hash, digest, "type");
		add_member(hash, digest, "segments");
		add_member(hash, digest, "salt");
		add_member(hash, digest, "digest");
	}
}

/* Damaged metadata has an identity too: the bytes themselves. */
static int add_luks2(EVP_MD_CTX *hash, int fd, uint64_t at, const char *binary)
{
	struct json_object *metadata;
	struct pages json;
	uint64_t bytes;
	int r;

	memcpy(&bytes, binary + 8, sizeof(bytes));
	bytes = be64toh(bytes);
	if (bytes <= LUKS2_BINARY_BYTES || bytes > LUKS2_LIMIT_BYTES)
		return EVP_DigestUpdate(hash, binary, LUKS2_BINARY_BYTES) == 1 ? 0 : -EIO;
	r = pages_read(fd, at + LUKS2_BINARY_BYTES, bytes - LUKS2_BINARY_BYTES, &json);
	if (r < 0)
		return r;
	json.bytes[bytes - LUKS2_BINARY_BYTES - 1] = '\0';
	metadata = json_tokener_parse(json.bytes);
	if (metadata)
		add_metadata(hash, metadata);
	else
		EVP_DigestUpdate(hash, json.bytes, bytes - LUKS2_BINARY_BYTES);
	json_object_put(metadata);
	free(json.memory);
	return 0;
}

static int add_header(EVP_MD_CTX *hash, int fd, uint64_t at, bool *ret_luks)
{
	struct pages first, second;
	int r = pages_read(fd, at, LUKS2_BINARY_BYTES, &first);

	if (r < 0)
		return r;
	r = pages_read(fd, at + LUKS2_SECOND_OFFSET, LUKS2_BINARY_BYTES, &second);
	if (r < 0) {
		free(first.memory);
		return r;
	}
	*ret_luks = true;
	if (memcmp(first.bytes, luks1_magic, sizeof(luks1_magic)) == 0)
		r = EVP_DigestUpdate(hash, first.bytes, LUKS1_BYTES) == 1 ? 0 : -EIO;
	else if (memcmp(first.bytes, luks2_magic, sizeof(luks2_magic)) == 0)
		r = add_luks2(hash, fd, at, first.bytes);
	else if (memcmp(second.bytes, second_magic, sizeof(second_magic)) == 0)
		r = add_luks2(hash, fd, at + LUKS2_SECOND_OFFSET, second.bytes);
	else
		*ret_luks = false;
	free(first.memory);
	free(second.memory);
	return r;
}

int luks_identity_read(int fd, uint64_t at, struct luks_identity *ret_identity)
{
	struct luks_identity identity = {0};
	EVP_MD_CTX *hash = EVP_MD_CTX_new();
	int r = -ENOMEM;

	if (hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1)
		r = add_header(hash, fd, at, &identity.luks);
	if (r == 0 && identity.luks && EVP_DigestFinal_ex(hash, identity.digest, NULL) != 1)
		r = -EIO;
	EVP_MD_CTX_free(hash);
	if (r == 0)
		*ret_identity = identity;
	return r;
}

bool luks_identity_same(const struct luks_identity *a, const struct luks_identity *b)
{
	return a->luks == b->luks && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}
