/* SPDX-License-Identifier: MIT */
/* Makes an existing image mapped: every block allocated, written and unshared, in place. */
#ifndef IMAGE_PREPARE_H
#define IMAGE_PREPARE_H

#include <signal.h>
#include <stdint.h>

struct prepare_request {
	const char *path;
	const char *label;                      /* for the progress; NULL: none */
	const volatile sig_atomic_t *interrupt; /* nonzero: stop; NULL: never */
};

/*
 * The image reads the same bytes at every moment, also after a crash at any of them, and running it
 * again continues where it stopped. *ret_bytes: what was not mapped and is now; 0: nothing was
 * written. On failure negative errno, *ret_bytes untouched, *ret_reason a static sentence or NULL:
 *   -EBUSY        someone else writes to the image
 *   -ENOSPC       not enough space; known before anything changes
 *   -EOPNOTSUPP   its filesystem keeps no blocks in place
 *   -EINTR        interrupted
 */
int image_prepare(const struct prepare_request *request, uint64_t *ret_bytes,
		  const char **ret_reason);

#endif
