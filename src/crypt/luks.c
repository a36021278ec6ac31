// SPDX-License-Identifier: MIT
#include "crypt/luks.h"

#include <errno.h>
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
#include "crypt/reason.h"
#include "util/macros.h"

/* Two LUKS2 headers of the largest size; where the second is, only the first could say. */
#define METADATA_BYTES (8 * MIB)
/* The largest area of keyslots that LUKS2 knows; what claims more is no keyslot of ours. */
#define KEYSLOT_LIMIT_BYTES (128 * MIB)

struct luks {
	struct header_copy header;
	struct header_copy data; /* all hole: only its length counts; if the header is detached */
	struct crypt_device *device;
};

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
