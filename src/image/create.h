/* SPDX-License-Identifier: MIT */
/* Makes an image whose every block is allocated and written: zeros, or what somebody else makes. */
#ifndef IMAGE_CREATE_H
#define IMAGE_CREATE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/fill.h"
#include "util/progress.h"

/* What an image begins as, for those who know; here nothing is known of encryption. */
struct create_content {
	fill_make *make;
	void *context;
	uint64_t header_bytes; /* of the start: written even if the image is sparse */
	/* Just before the image gets its name: what belongs to it is made now. NULL: nothing. 0, or
	 * negative errno and *ret_reason as image_create(). */
	int (*finish)(void *context, const char **ret_reason);
};

struct create_request {
	const char *path;
	uint64_t size_bytes;                    /* any but 0 */
	bool sparse;                            /* one hole: nothing is allocated */
	const struct create_content *content;   /* NULL: zeros */
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
