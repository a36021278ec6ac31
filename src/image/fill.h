/* SPDX-License-Identifier: MIT */
/*
 * Really writes blocks of an image, so that they are allocated and written: zeros, what somebody
 * else makes, or the bytes that are there already. By direct I/O in large pieces; a partial last
 * block through the page cache.
 */
#ifndef IMAGE_FILL_H
#define IMAGE_FILL_H

#include <signal.h>
#include <stdint.h>

#include "image/image.h"
#include "util/progress.h"

/* The largest piece written at once, and so the most that is done after an interrupt. */
#define FILL_PIECE_BYTES (2u << 20)

/* Told how far it is; negative errno: stop with that. */
typedef int fill_watch(void *context, uint64_t done_bytes);

struct fill {
	const struct image *image;
	struct progress *progress;              /* NULL: none */
	const volatile sig_atomic_t *interrupt; /* nonzero: stop; NULL: never */
	fill_watch *watch;                      /* NULL: nobody; set after fill_init() */
	void *watch_context;
	uint64_t done_bytes; /* for the progress */
	void *zeros;
	void *copy;
};

/* -ENOMEM, or 0. `image` must outlive the fill. */
int fill_init(struct fill *fill, const struct image *image, struct progress *progress,
	      const volatile sig_atomic_t *interrupt);
void fill_destroy(struct fill *fill);

/* Writes zeros. 0, -EINTR if interrupted between two pieces, the watch's error, or pwrite(2)'s. */
int fill_zero(struct fill *fill, uint64_t offset, uint64_t length);

/*
 * Writes what `make` puts into `bytes`, all of them, as the image's content at `offset`. Errors as
 * fill_zero, and make's: negative errno.
 */
typedef int fill_make(void *context, void *bytes, uint64_t length, uint64_t offset);
int fill_made(struct fill *fill, uint64_t offset, uint64_t length, fill_make *make, void *context);

/* Reads and writes back the same bytes. Errors as fill_zero. */
int fill_rewrite(struct fill *fill, uint64_t offset, uint64_t length);

/* `length` bytes need no work any more: for the progress. 0, -EINTR if interrupted, or the watch's.
 */
int fill_advance(struct fill *fill, uint64_t length);

/* What was written is on the device, and nothing of it in the page cache. */
int fill_sync(const struct fill *fill);

#endif
