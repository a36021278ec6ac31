// SPDX-License-Identifier: MIT
#include "crypt/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "util/macros.h"

/*
 * A volume with AES-XTS takes about 5 KiB a lane. Only what is used is resident, but all of it
 * counts against RLIMIT_MEMLOCK: without privilege, half of that.
 */
#define HEAP_BYTES       (32 * MIB)
#define HEAP_LEAST_BYTES (256 * KIB)
/* Smallest piece; also the alignment of every piece. */
#define HEAP_PIECE_BYTES 64

static _Thread_local unsigned secret_scopes;
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;
static int secret_result = -ENOMEM;
static bool secret_locked;

/*
 * OpenSSL's allocations go to its own secure heap inside a scope, and to libc outside. What the
 * secure heap itself needs meanwhile (an error's text, say) must not come back here.
 */
static void *hook_malloc(size_t bytes, const char *file, int line)
{
	unsigned scopes = secret_scopes;
	void *memory;

	if (scopes == 0)
		return malloc(bytes);
	secret_scopes = 0;
	memory = CRYPTO_secure_malloc(bytes, file, line);
	secret_scopes = scopes;
	return memory;
}

static void hook_free(void *memory, const char *file, int line)
{
	if (CRYPTO_secure_allocated(memory))
		CRYPTO_secure_free(memory, file, line);
	else
		free(memory);
}

/* A secret stays one, wherever it grows. */
static void *hook_realloc(void *memory, size_t bytes, const char *file, int line)
{
	void *grown;

	if (!memory)
		return hook_malloc(bytes, file, line);
	if (!CRYPTO_secure_allocated(memory))
		return realloc(memory, bytes);
	grown = CRYPTO_secure_malloc(bytes, file, line);
	if (!grown)
		return NULL;
	memcpy(grown, memory, min_u64(CRYPTO_secure_actual_size(memory), bytes));
	CRYPTO_secure_free(memory, file, line);
	return grown;
}

static size_t heap_bytes(void)
{
	struct rlimit limit;
	size_t bytes = HEAP_BYTES;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return bytes;
	while (bytes > HEAP_LEAST_BYTES && bytes > limit.rlim_cur / 2)
		bytes /= 2;
	return bytes;
}

static void secret_start(void)
{
	int r;

	if (!CRYPTO_set_mem_functions(hook_malloc, hook_realloc, hook_free))
		return;
	/* 1: locked, 2: not; guarded by unmapped pages and left out of core dumps either way. */
	r = CRYPTO_secure_malloc_init(heap_bytes(), HEAP_PIECE_BYTES);
	if (r == 0)
		return;
	secret_locked = r == 1;
	secret_result = prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

int secret_init(bool *ret_locked)
{
	pthread_once(&secret_once, secret_start);
	if (ret_locked)
		*ret_locked = secret_locked;
	return secret_result;
}

void *secret_new(size_t bytes)
{
	return OPENSSL_secure_zalloc(bytes);
}

void secret_free(void *secret)
{
	OPENSSL_secure_free(secret);
}

void secret_begin(void)
{
	secret_scopes++;
}

void secret_end(void)
{
	secret_scopes--;
}

void secret_wipe(void *bytes, size_t length)
{
	OPENSSL_cleanse(bytes, length);
}
