// SPDX-License-Identifier: MIT
#include "crypt/format.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "crypt/cryptsetup_log.h"
#include "crypt/exchange.h"
#include "crypt/header_copy.h"
#include "crypt/luks.h"
#include "crypt/plain.h"
#include "crypt/reason.h"
#include "crypt/secret.h"
#include "crypt/sector.h"
#include "crypt/spec.h"
#include "util/macros.h"

/* Where libcryptsetup puts the header that is detached: as much as LUKS2 needs by default. */
#define DETACHED_BYTES (16 * MIB)

struct format {
	struct volume_key *key; /* secret */
	struct sectors *sectors;
	struct header_copy header; /* as large as the image, or the detached header */
	struct header_copy data;   /* all hole: if it is detached, how large the image is */
	bool detached;
	uint64_t payload_end; /* in the image */
};

/* "aes-xts-plain64", as libcryptsetup wants it: before and after the first dash of the mode. */
struct cipher_words {
	char cipher[CIPHER_SPEC_LIMIT_BYTES];
	const char *mode;
};

static int words_split(const char *spec, struct cipher_words *ret_words,
		       char reason[UNLOCK_REASON_BYTES])
{
	char *parenthesis, *dash;

	snprintf(ret_words->cipher, sizeof(ret_words->cipher), "%s", spec);
	parenthesis = strrchr(ret_words->cipher, ')');
	dash = strchr(parenthesis ? parenthesis : ret_words->cipher, '-');
	if (!dash)
		return reason_set(reason, -EINVAL,
				  "--cipher %s: its mode is missing, as in aes-xts-plain64", spec);
	*dash = 0;
	ret_words->mode = dash + 1;
	return 0;
}

static struct crypt_pbkdf_type pbkdf_of(const struct format_request *request)
{
	const char *luks = request->type == FORMAT_LUKS1 ? CRYPT_LUKS1 : CRYPT_LUKS2;
	struct crypt_pbkdf_type pbkdf = request->pbkdf
						? *crypt_get_pbkdf_type_params(request->pbkdf)
						: *crypt_get_pbkdf_default(luks);

	if (request->hash)
		pbkdf.hash = request->hash;
	if (request->pbkdf_iterations) {
		pbkdf.iterations = request->pbkdf_iterations;
		pbkdf.time_ms = 0;
		pbkdf.flags |= CRYPT_PBKDF_NO_BENCHMARK;
	}
	return pbkdf;
}

static int format_header(struct crypt_device *device, const struct format_request *request,
			 const struct format *format, const struct cipher_words *words)
{
	const char *key = (const char *)format->key->key;
	const char *data = request->detached ? format->data.path : NULL;
	struct crypt_params_luks1 luks1 = {.hash = request->hash ? request->hash : "sha256",
					   .data_device = data};
	struct crypt_params_luks2 luks2 = {.sector_size = request->sector_size,
					   .data_device = data};

	return request->type == FORMAT_LUKS1
		       ? crypt_format(device, CRYPT_LUKS1, words->cipher, words->mode, NULL, key,
				      format->key->key_bytes, &luks1)
		       : crypt_format(device, CRYPT_LUKS2, words->cipher, words->mode, NULL, key,
				      format->key->key_bytes, &luks2);
}

/*
 * The keyslot of another cipher than AES is encrypted with AES all the same: libcryptsetup has no
 * other without help of the kernel, neither now nor when it will be opened.
 */
static int format_keyslot(struct crypt_device *device, const struct format_request *request,
			  const struct cipher_words *words, const struct passphrase *passphrase)
{
	int r = 0;

	if (request->type == FORMAT_LUKS2 && strcmp(words->cipher, "aes") != 0)
		r = crypt_keyslot_set_encryption(device, "aes-xts-plain64", 64);
	if (r == 0)
		r = crypt_keyslot_add_by_volume_key(device, CRYPT_ANY_SLOT, NULL, 0,
						    (const char *)passphrase_peek(passphrase),
						    passphrase_length(passphrase));
	return r < 0 ? r : 0;
}

static int format_device(struct crypt_device *device, const struct format_request *request,
			 const struct format *format, const struct passphrase *passphrase,
			 char reason[UNLOCK_REASON_BYTES])
{
	struct crypt_pbkdf_type pbkdf = pbkdf_of(request);
	struct cipher_words words;
	int r = words_split(format->key->spec, &words, reason);

	if (r == 0)
		r = crypt_set_pbkdf_type(device, &pbkdf);
	if (r == 0 && request->offset_sectors)
		r = crypt_set_data_offset(device, request->offset_sectors);
	if (r == 0)
		r = format_header(device, request, format, &words);
	if (r == 0)
		r = format_keyslot(device, request, &words, passphrase);
	format->key->size_bytes = 0;
	if (r == 0)
		r = luks_describe(device, request->size_bytes, format->key, reason);
	return r;
}

static int header_open(const struct format_request *request, struct format *format)
{
	int r = header_copy_open(-1, 0, request->detached ? DETACHED_BYTES : request->size_bytes,
				 &format->header);

	if (r == 0 && request->detached)
		r = header_copy_open(-1, 0, request->size_bytes, &format->data);
	return r;
}

static int luks_format(const struct format_request *request, struct format *format,
		       const struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	struct crypt_device *device = NULL;
	int r = header_open(request, format);

	if (r == 0)
		r = crypt_init(&device, format->header.path);
	if (r == 0)
		r = format_device(device, request, format, passphrase, reason);
	crypt_free(device);
	return r;
}

/* cryptsetup's defaults; XTS has two keys. */
static const char *spec_of(const struct format_request *request)
{
	if (request->spec)
		return request->spec;
	return request->type == FORMAT_PLAIN ? "aes-cbc-essiv:sha256" : "aes-xts-plain64";
}

static int key_bits_of(const struct format_request *request, uint32_t *ret_bits,
		       char reason[UNLOCK_REASON_BYTES])
{
	struct cipher_spec spec;
	const char *why = NULL;
	int r = cipher_spec_parse(spec_of(request), &spec, &why);

	if (r < 0)
		return reason_set(reason, r, "--cipher %s: %s", spec_of(request), why);
	*ret_bits = request->key_bits                                          ? request->key_bits
		    : request->type != FORMAT_PLAIN && spec.mode == CIPHER_XTS ? 512
									       : 256;
	return 0;
}

/* As `unlock` will see a plain volume; what concerns every volume is checked so, too. */
static int describe(const struct format_request *request, struct unlock_request *ret_request,
		    struct volume_key *key, char reason[UNLOCK_REASON_BYTES])
{
	struct unlock_request *plain = ret_request;
	bool luks = request->type != FORMAT_PLAIN;
	int r;

	*plain = (struct unlock_request){
		.type = UNLOCK_PLAIN,
		.length_bytes = request->size_bytes,
		.sector_size = request->sector_size ? request->sector_size : 512,
		.iv_large_sectors = request->iv_large_sectors,
		.offset_sectors = request->offset_sectors,
	};
	r = key_bits_of(request, &plain->key_bits, reason);
	if (r < 0)
		return r;
	if (!luks && request->hash && strlen(request->hash) >= sizeof(plain->hash))
		return reason_set(reason, -EINVAL, "--hash: too long");
	snprintf(plain->spec, sizeof(plain->spec), "%s", spec_of(request));
	snprintf(plain->hash, sizeof(plain->hash), "%s",
		 luks            ? ""
		 : request->hash ? request->hash
				 : "ripemd160");
	return plain_describe(plain, key, reason);
}

static int plain_format(const struct unlock_request *plain, struct format *format,
			const struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	const uint8_t *bytes = passphrase_peek(passphrase);
	size_t length = passphrase_length(passphrase);
	int r = plain_key_without_child(plain, bytes, length, format->key, reason);

	return r == -EAGAIN ? plain_key_hashed(plain, bytes, length, format->key, reason) : r;
}

static int luks_key(struct format *format)
{
	ssize_t length = format->key->key_bytes;

	return getrandom(format->key->key, (size_t)length, 0) == length ? 0 : -EIO;
}

/*
 * A cipher that is not ours, or no key of its size. For LUKS that is asked before the key
 * derivation, and again when the header says how large the sectors are.
 */
static int sectors_try(struct format *format, char reason[UNLOCK_REASON_BYTES])
{
	const char *why = NULL;
	int r;

	sectors_free(format->sectors);
	format->sectors = NULL;
	r = sectors_new(format->key, 1, &format->sectors, &why);

	return r < 0 ? reason_set(reason, r, "cipher %s, key of %u bits: %s", format->key->spec,
				  format->key->key_bytes * 8, why ? why : strerror(-r))
		     : 0;
}

static int format_fill(const struct format_request *request, struct format *format,
		       const struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	struct unlock_request plain;
	int r = describe(request, &plain, format->key, reason);

	if (r < 0)
		return r;
	if (request->type == FORMAT_PLAIN) {
		r = plain_format(&plain, format, passphrase, reason);
		return r < 0 ? r : sectors_try(format, reason);
	}
	r = luks_key(format);
	if (r == 0)
		r = sectors_try(format, reason);
	if (r == 0)
		r = luks_format(request, format, passphrase, reason);
	return r < 0 ? r : sectors_try(format, reason);
}

static uint64_t payload_end(const struct volume_key *key, uint64_t image_bytes)
{
	return key->size_bytes ? key->data_offset_bytes + key->size_bytes : image_bytes;
}

int format_new(const struct format_request *request, const struct passphrase *passphrase,
	       struct format **ret_format, char ret_reason[UNLOCK_REASON_BYTES])
{
	struct format *format = calloc(1, sizeof(*format));
	int r = -ENOMEM;

	*ret_reason = 0;
	if (format) {
		format->header.fd = format->data.fd = -1;
		format->key = secret_new(sizeof(*format->key));
	}
	if (format && format->key) {
		crypt_metadata_locking(NULL, 0);
		cryptsetup_log_to(ret_reason);
		r = format_fill(request, format, passphrase, ret_reason);
		crypt_set_log_callback(NULL, NULL, NULL);
	}
	if (r < 0) {
		format_free(format);
		return *ret_reason ? r : reason_set(ret_reason, r, "%s", strerror(-r));
	}
	format->detached = request->detached;
	format->payload_end = payload_end(format->key, request->size_bytes);
	*ret_format = format;
	return 0;
}

void format_free(struct format *format)
{
	if (!format)
		return;
	sectors_free(format->sectors);
	secret_free(format->key);
	if (format->header.fd >= 0)
		header_copy_close(&format->header);
	if (format->data.fd >= 0)
		header_copy_close(&format->data);
	free(format);
}

const struct volume_key *format_key(const struct format *format)
{
	return format->key;
}

uint64_t format_header_bytes(const struct format *format)
{
	return format->detached ? DETACHED_BYTES : format->key->data_offset_bytes;
}

/* Whole sectors of zeros at `offset` of the payload. */
static int encrypt(const struct format *format, void *bytes, uint64_t length, uint64_t offset)
{
	return sectors_encrypt(format->sectors, 0, bytes, length, offset);
}

/* The part of one sector. */
static int encrypt_part(const struct format *format, uint8_t *bytes, uint64_t length,
			uint64_t offset)
{
	uint32_t sector = sectors_bytes(format->sectors);
	uint8_t whole[4096] = {0};
	int r = encrypt(format, whole, sector, round_down(offset, sector));

	memcpy(bytes, whole + offset % sector, length);
	return r;
}

/* Sectors are counted from where the payload begins, which no piece of the image needs to do. */
static int make_payload(const struct format *format, uint8_t *bytes, uint64_t length,
			uint64_t offset)
{
	uint32_t sector = sectors_bytes(format->sectors);
	int r = 0;

	while (r == 0 && length > 0) {
		uint64_t rest = offset % sector;
		uint64_t piece = rest || length < sector ? min_u64(length, sector - rest)
							 : round_down(length, sector);

		r = piece < sector ? encrypt_part(format, bytes, piece, offset)
				   : encrypt(format, bytes, piece, offset);
		bytes += piece;
		offset += piece;
		length -= piece;
	}
	return r;
}

int format_make_header(void *context, void *bytes, uint64_t length, uint64_t offset)
{
	const struct format *format = context;

	while (length > 0) {
		ssize_t n = pread(format->header.fd, bytes, length, (off_t)offset);

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes = (char *)bytes + n;
		offset += (uint64_t)n;
		length -= (uint64_t)n;
	}
	return 0;
}

int format_make_image(void *context, void *bytes, uint64_t length, uint64_t offset)
{
	const struct format *format = context;
	uint64_t payload = format->key->data_offset_bytes, end = offset + length;
	int r = 0;

	memset(bytes, 0, length);
	if (offset < payload) {
		uint64_t before = min_u64(end, payload) - offset;

		if (format->header.fd >= 0 && !format->detached)
			r = format_make_header(context, bytes, before, offset);
		bytes = (char *)bytes + before;
		offset += before;
	}
	end = min_u64(end, format->payload_end);
	if (r == 0 && offset < end)
		r = make_payload(format, bytes, end - offset, offset - payload);
	return r;
}
