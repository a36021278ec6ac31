/* SPDX-License-Identifier: MIT */
/*
 * Memory for keys: locked, left out of core dumps, wiped when it is freed. It is OpenSSL's secure
 * heap, so that OpenSSL's and libgcrypt's own copies of a key, and the key schedules they make of
 * it, can lie there as well.
 */
#ifndef CRYPT_SECRET_H
#define CRYPT_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Before anything else uses OpenSSL or libgcrypt, and again whenever *ret_locked is wanted: makes
 * the heap, forbids core dumps and ptrace(2) by others (PR_SET_DUMPABLE). 0 or negative errno.
 * *ret_locked says whether the memory could be locked (RLIMIT_MEMLOCK).
 */
int secret_init(bool *ret_locked);

/* Zeroed; NULL if the heap is exhausted. Freeing wipes; NULL may be freed. */
void *secret_new(size_t bytes);
void secret_free(void *secret);

/*
 * Between these two, in this thread, all that OpenSSL and libgcrypt allocate is secret: for making
 * cipher contexts. What was allocated so may be freed at any time. Nothing that OpenSSL keeps for
 * all (a fetched cipher, say) is to be made here: it would take the place of secrets.
 */
void secret_begin(void);
void secret_end(void);

/* Overwrites memory that is not from secret_new(), so that no compiler leaves it out. */
void secret_wipe(void *bytes, size_t length);

static inline void cleanup_secret(void *pointer)
{
	secret_free(*(void **)pointer);
}

#define _cleanup_secret_ __attribute__((cleanup(cleanup_secret)))

#endif
