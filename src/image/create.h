/* SPDX-License-Identifier: MIT */
/* Makes a raw image of zeros whose every block is allocated and written. */
#ifndef IMAGE_CREATE_H
#define IMAGE_CREATE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/progress.h"

struct create_request {
	const char *path;
	uint64_t size_bytes;                    /* any but 0 */
	bool sparse;                            /* one hole: nothing is allocated */
	const char *label;                      /* for the progress; NULL: none */
	const volatile sig_atomic_t *interrupt; /* nonzero: stop; NULL: never */
};

/*
 * The image has its name only when it is complete and on the device; whatever happens before, even
 * the end of this program, leaves nothing. (Where the filesystem has no O_TMPFILE, the end of the
 * program by SIGKILL leaves an incomplete file.) *ret_mapped says whether its blocks really are
 * allocated and written and will stay so: a memory or copy-on-write filesystem does not do that.
 *
 * On failure negative errno, outputs untouched but *ret_reason: a static sentence or NULL.
 *   -EEXIST   the name exists already
 *   -ENOSPC   noticed before the first block is written
 *   -EINTR    interrupted
 */
int image_create(const struct create_request *request, bool *ret_mapped, const char **ret_reason);

#endif
