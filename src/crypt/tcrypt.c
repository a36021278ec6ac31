// SPDX-License-Identifier: MIT
#include "crypt/tcrypt.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <string.h>

#include "crypt/exchange.h"
#include "crypt/header_copy.h"
#include "crypt/plain.h"
#include "crypt/reason.h"
#include "util/macros.h"

/* Headers lie in this much at the start and at the end, whatever the version. */
#define HEADERS_BYTES (128 * KIB)
/* Where the header of a hidden volume was before version 6: so far before the end. */
#define HIDDEN_OLD_BYTES 1536

static uint32_t flags_of(const struct unlock_request *request)
{
	return CRYPT_TCRYPT_LEGACY_MODES |
	       (request->tcrypt_hidden ? CRYPT_TCRYPT_HIDDEN_HEADER : 0) |
	       (request->tcrypt_system ? CRYPT_TCRYPT_SYSTEM_HEADER : 0) |
	       (request->tcrypt_veracrypt ? CRYPT_TCRYPT_VERA_MODES : 0);
}

static int tcrypt_load(struct crypt_device *device, struct exchange *exchange,
		       const uint8_t *passphrase)
{
	struct crypt_params_tcrypt parameters = {
		.passphrase = (const char *)passphrase,
		.passphrase_size = exchange->passphrase_length,
		.flags = flags_of(&exchange->request),
		.veracrypt_pim = exchange->request.veracrypt_pim,
	};
	int r = crypt_load(device, CRYPT_TCRYPT, &parameters);

	if (r == -ENOTSUP)
		return reason_set(exchange->reason, r,
				  "libcryptsetup cannot try the ciphers of TrueCrypt without the "
				  "kernel's AF_ALG (modprobe algif_skcipher)");
	if (r == -EPERM)
		return reason_set(exchange->reason, r,
				  "no TrueCrypt or VeraCrypt header opens with this passphrase");
	return r;
}

static int check_cipher(const char *cipher, const char *mode, char reason[UNLOCK_REASON_BYTES])
{
	if (strchr(cipher, '-'))
		return reason_set(reason, -EOPNOTSUPP,
				  "its ciphers are a chain (%s), which is not supported", cipher);
	if (strstr(mode, "tcw") || strstr(mode, "tcrypt") || strncmp(mode, "cbci", 4) == 0)
		return reason_set(reason, -EOPNOTSUPP,
				  "its mode whitens each sector (%s), which is not supported",
				  mode);
	return 0;
}

/*
 * libcryptsetup does not tell the length that the header has. Since version 6 the volume, and the
 * hidden one, end where the backup headers begin; before, at the end or where the hidden header
 * does. Only of an encrypted system it cannot be told.
 */
static void size_fill(const struct unlock_request *request, struct volume_key *key)
{
	uint64_t tail = key->data_offset_bytes >= HEADERS_BYTES ? HEADERS_BYTES
			: request->tcrypt_hidden                ? HIDDEN_OLD_BYTES
								: 0;
	uint64_t window = request->length_bytes;

	if (!request->tcrypt_system && window > key->data_offset_bytes + tail)
		key->size_bytes = window - tail - key->data_offset_bytes;
}

static int tcrypt_describe(struct crypt_device *device, struct exchange *exchange)
{
	const char *cipher = crypt_get_cipher(device), *mode = crypt_get_cipher_mode(device);
	struct volume_key *key = &exchange->key;
	int r = check_cipher(cipher, mode, exchange->reason);

	if (r < 0)
		return r;
	snprintf(key->type, sizeof(key->type), "tcrypt");
	snprintf(key->spec, sizeof(key->spec), "%s-%s", cipher, mode);
	key->sector_size = 512;
	key->data_offset_bytes = crypt_get_data_offset(device) * 512;
	key->iv_offset_sectors = crypt_get_iv_offset(device);
	size_fill(&exchange->request, key);
	return volume_key_check(key, exchange->request.length_bytes, exchange->reason);
}

static int tcrypt_key(struct crypt_device *device, struct exchange *exchange)
{
	size_t key_bytes = sizeof(exchange->key.key);
	int r = crypt_volume_key_get(device, CRYPT_ANY_SLOT, (char *)exchange->key.key, &key_bytes,
				     NULL, 0);

	exchange->key.key_bytes = (uint32_t)key_bytes;
	return r < 0 ? r : 0;
}

static int copy_headers(const struct header_copy *copy)
{
	int r = header_copy_range(copy, 0, HEADERS_BYTES);

	if (r == 0 && copy->length_bytes > HEADERS_BYTES)
		r = header_copy_range(copy, copy->length_bytes - HEADERS_BYTES, HEADERS_BYTES);
	return r;
}

int tcrypt_answer(struct exchange *exchange, const uint8_t *passphrase)
{
	struct crypt_device *device = NULL;
	struct header_copy copy;
	int r;

	if (!passphrase)
		return reason_set(exchange->reason, -ENOKEY,
				  "only its passphrase can tell what it is");
	r = header_copy_open(EXCHANGE_IMAGE_FD, exchange->request.start_bytes,
			     exchange->request.length_bytes, &copy);
	if (r == 0)
		r = copy_headers(&copy);
	if (r == 0)
		r = crypt_init(&device, copy.path);
	if (r == 0)
		r = tcrypt_load(device, exchange, passphrase);
	if (r == 0)
		r = tcrypt_describe(device, exchange);
	if (r == 0)
		r = tcrypt_key(device, exchange);
	crypt_free(device);
	return r;
}
