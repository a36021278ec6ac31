/* SPDX-License-Identifier: MIT */
/* Makes an image longer, every block of the new part written, or shorter. */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "image/image.h"

struct resize_request {
	uint64_t from_bytes; /* what is in use of it: the size, or less after a crash */
	uint64_t to_bytes;
	bool noise;                             /* write noise, not zeros: it is encrypted */
	const char *label;                      /* for the progress; NULL: none */
	const volatile sig_atomic_t *interrupt; /* nonzero: stop; NULL: never */
};

/*
 * `image` is open for writing. Returns when the new part is written, and on the device. 0, or
 * negative errno with the image as long as `from_bytes`, and what is in use unchanged: -ENOSPC,
 * -EINTR, -EBUSY if somebody else is at it, ...
 */
int image_extend(struct image *image, const struct resize_request *request);

/* Cuts it off. 0 or negative errno. */
int image_cut(struct image *image, uint64_t to_bytes);

/*
 * How much of a raw image is needed, as far as the start of a known filesystem or of a partition
 * table tells; 0: unknown. 0 or negative errno.
 */
int image_needed(const struct image *image, uint64_t *ret_bytes, const char **ret_what);

#endif
