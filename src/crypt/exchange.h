/* SPDX-License-Identifier: MIT */
/* What the process that wants a key and the child that unlocks say to each other. */
#ifndef CRYPT_EXCHANGE_H
#define CRYPT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "crypt/unlock.h"

/* The child's descriptors; nothing else but 0, 1 and 2 is open in it. */
enum {
	EXCHANGE_FD = 3, /* struct exchange, mapped by both */
	EXCHANGE_IMAGE_FD,
	EXCHANGE_HEADER_FD,     /* if has_header */
	EXCHANGE_PASSPHRASE_FD, /* if has_passphrase */
	EXCHANGE_END_FD,
};

struct exchange {
	pid_t parent;
	bool inspect; /* all but the key */
	bool has_header;
	bool has_passphrase;
	uint64_t passphrase_length;
	struct unlock_request request;

	/* The answer. */
	bool answered; /* last of all: a child that dies has not */
	int32_t result;
	char reason[UNLOCK_REASON_BYTES];
	struct volume_key key;
};

/*
 * Memory that can be given to a child: a memfd of a size that is sealed, so that nobody's access to
 * it ever ends in SIGBUS; left out of core dumps, and its first `locked_bytes` locked if that is
 * allowed. 0 or negative errno. The caller ends it with shared_free(), which wipes what was
 * written.
 */
int shared_new(size_t bytes, size_t locked_bytes, int *ret_fd, void **ret_memory);
void shared_free(int fd, void *memory, size_t bytes);

/* The memfd of a passphrase, and its length's limit is UNLOCK_PASSPHRASE_LIMIT_BYTES. */
int passphrase_fd(const struct passphrase *passphrase);
const uint8_t *passphrase_peek(const struct passphrase *passphrase);

#endif
