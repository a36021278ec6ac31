/* SPDX-License-Identifier: MIT */
/*
 * Makes an image longer, every block of the new part written, or shorter. It is open for writing
 * and locked, by us.
 *
 * While lanes serve it, it grows in this order: image_growing(), image_extend(), and then either
 * image_grown() or image_not_grown(). Its old and its new size are whole blocks then.
 */
#ifndef IMAGE_RESIZE_H
#define IMAGE_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "image/fill.h"
#include "image/image.h"

struct resize_request {
	uint64_t to_bytes;
	bool noise;        /* write noise, not zeros: it is encrypted */
	fill_watch *watch; /* told of what is written, at least every few seconds; NULL: nobody */
	void *watch_context;
};

/*
 * Lengthens the file; `image` stays as it is. Returns when the new part is written, and on the
 * device. 0, or negative errno with the file cut back, and what is in use unchanged: -ENOSPC, that
 * of the watch, ...
 */
int image_extend(const struct image *image, const struct resize_request *request);

/* Cuts it off, or takes what it was extended by. 0 or negative errno. */
int image_cut(struct image *image, uint64_t to_bytes);

/* From now on image_verify() allows the file to be as long as that. */
void image_growing(struct image *image, uint64_t to_bytes);

/*
 * What it was allowed is its size by now; blocks of the new part must stay, as those of the old
 * one. 0, or negative errno, *ret_reason (NULL: errno says it), and the size is what it was.
 */
int image_grown(struct image *image, const char **ret_reason);

/*
 * Cuts off what lies behind its size; then nothing more is allowed. 0, or negative errno if that
 * cannot be done: what was allowed still is.
 */
int image_not_grown(struct image *image);

/*
 * How much of a raw image is needed, as far as the start of a known filesystem or of a partition
 * table tells; 0: unknown. 0 or negative errno.
 */
int image_needed(const struct image *image, uint64_t *ret_bytes, const char **ret_what);

#endif
