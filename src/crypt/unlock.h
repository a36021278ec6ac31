/* SPDX-License-Identifier: MIT */
/*
 * From an image and a passphrase to its volume key. libcryptsetup does it, in a child process of
 * its own: Argon2 takes up to 1 GiB for a moment, and what libcryptsetup leaves in its memory ends
 * with the child. Request and answer, and the passphrase, lie in memory that both processes map
 * (memfds, locked, not dumped), and never in argv, environment or a pipe. Any number of threads may
 * unlock at once, also with the same passphrase.
 */
#ifndef CRYPT_UNLOCK_H
#define CRYPT_UNLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypt/volume_key.h"

enum unlock_type {
	UNLOCK_LUKS,   /* 1 or 2, as its magic says */
	UNLOCK_PLAIN,  /* dm-crypt without a header, cryptoloop, loop-AES */
	UNLOCK_TCRYPT, /* TrueCrypt, VeraCrypt */
	UNLOCK_BITLK,  /* BitLocker: recognised, and refused with the reason */
};

enum {
	UNLOCK_PASSPHRASE_LIMIT_BYTES = 8 << 20, /* cryptsetup's limit for a keyfile */
	UNLOCK_REASON_BYTES = 256,
	UNLOCK_ANY_SLOT = -1,
};

/* Fixed size, no pointers: it is what the child sees too. */
struct unlock_request {
	enum unlock_type type;
	uint64_t start_bytes;  /* window of the image that holds the volume */
	uint64_t length_bytes; /* of the window, never 0 */
	int32_t key_slot;      /* of LUKS; UNLOCK_ANY_SLOT: try all */

	/* Plain only. The cipher defaults are cryptsetup 2.6's: aes-cbc-essiv:sha256, 256 bits. */
	char spec[CIPHER_SPEC_LIMIT_BYTES];
	uint32_t key_bits;
	char hash[64]; /* "" for the raw bytes of a keyfile, "plain", "ripemd160", "sha256:16" */
	uint32_t sector_size;
	bool iv_large_sectors;
	uint64_t offset_sectors; /* start of the payload in the window; 512 bytes each */
	uint64_t skip_sectors;   /* IV offset */

	/* TCRYPT only, crypttab(5)'s tcrypt-hidden, tcrypt-system, tcrypt-veracrypt, veracrypt-pim=
	 */
	bool tcrypt_hidden, tcrypt_system, tcrypt_veracrypt;
	uint32_t veracrypt_pim;
};

/* A passphrase on its way: memory as described above. */
struct passphrase;

/* 0 or negative errno. The caller ends it with passphrase_free(), which wipes it. */
int passphrase_new(struct passphrase **ret_passphrase);
void passphrase_free(struct passphrase *passphrase);

/* Where it is written; UNLOCK_PASSPHRASE_LIMIT_BYTES fit in. */
uint8_t *passphrase_bytes(struct passphrase *passphrase);
size_t passphrase_length(const struct passphrase *passphrase);
void passphrase_set_length(struct passphrase *passphrase, size_t length);

/*
 * Unlocks the image behind `image_fd` (any open file; only read), whose LUKS header is in
 * `header_fd` if that is not -1. `passphrase` may be NULL: only the tokens in a LUKS2 header are
 * tried (luks2-keyring and libcryptsetup's plugins). `ret_key` is secret memory of the caller.
 *
 * 0, or negative errno with `*ret_key` zeroed and the reason for the user in ret_reason:
 *   -EPERM       no keyslot, or not the chosen one, opens with this passphrase
 *   -ENOKEY      no passphrase was given and no token helps
 *   -EINVAL      not such an image, or its header is damaged
 *   -EOPNOTSUPP  an image that is refused: integrity, unknown requirement, reencryption, OPAL,
 *                a cipher chain, BitLocker
 *   -ENOMEM, ... as they come
 */
int unlock(const struct unlock_request *request, int image_fd, int header_fd,
	   const struct passphrase *passphrase, struct volume_key *ret_key,
	   char ret_reason[UNLOCK_REASON_BYTES]);

/*
 * What can be told of a LUKS image without its key: everything of *ret_key but the key. For `info`
 * and to refuse early what no passphrase would open. Errors as unlock().
 */
int unlock_inspect(const struct unlock_request *request, int image_fd, int header_fd,
		   struct volume_key *ret_key, char ret_reason[UNLOCK_REASON_BYTES]);

/* From any thread: ends all that are being unlocked, and whatever would be from now on. */
void unlock_cancel(void);

/*
 * The child: what main() does as `platterfs unlock-child`, which is not for users. Everything it
 * needs lies at fixed descriptors (exchange.h). It ends the process; negative errno if it was not
 * started by unlock().
 */
int unlock_child(void);

/* The program that has this command; only tests, which are another, change it. */
extern const char *unlock_program;

#endif
