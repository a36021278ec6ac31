// SPDX-License-Identifier: MIT
#include "image/fill.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/macros.h"

int fill_init(struct fill *fill, const struct image *image, struct progress *progress,
	      const volatile sig_atomic_t *interrupt)
{
	*fill = (struct fill){.image = image, .progress = progress, .interrupt = interrupt};
	fill->zeros = aligned_alloc(IMAGE_PAGE_BYTES, FILL_PIECE_BYTES);
	fill->copy = aligned_alloc(IMAGE_PAGE_BYTES, FILL_PIECE_BYTES);
	if (!fill->zeros || !fill->copy) {
		fill_destroy(fill);
		return -ENOMEM;
	}
	memset(fill->zeros, 0, FILL_PIECE_BYTES);
	return 0;
}

void fill_destroy(struct fill *fill)
{
	free(fill->zeros);
	free(fill->copy);
	fill->zeros = fill->copy = NULL;
}

static bool fill_interrupted(const struct fill *fill)
{
	return fill->interrupt && *fill->interrupt;
}

/* A piece is never both before and behind the end of direct I/O. */
static uint64_t piece_length(const struct image *image, uint64_t offset, uint64_t end)
{
	if (offset < image->direct_end_bytes)
		end = min_u64(end, image->direct_end_bytes);
	return min_u64(end - offset, FILL_PIECE_BYTES);
}

static int piece_fd(const struct image *image, uint64_t offset, uint64_t length)
{
	bool aligned = (offset | length) % image->block_bytes == 0;

	return offset < image->direct_end_bytes && aligned ? image->direct_fd : image->buffered_fd;
}

/* One signal of many must not make a write short; an interrupt of the user may. */
static int piece_write(const struct fill *fill, const void *data, uint64_t offset, uint64_t length)
{
	while (length > 0) {
		int fd = piece_fd(fill->image, offset, length);
		ssize_t n = pwrite(fd, data, length, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EIO;
		if (n < 0 && fill_interrupted(fill))
			return -EINTR;
		if (n > 0) {
			offset += (uint64_t)n;
			length -= (uint64_t)n;
			data = (const char *)data + n;
		}
	}
	return 0;
}

/* What is there already; a fill_make. */
static int piece_read(void *context, void *data, uint64_t length, uint64_t offset)
{
	const struct fill *fill = context;

	while (length > 0) {
		int fd = piece_fd(fill->image, offset, length);
		ssize_t n = pread(fd, data, length, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -EIO;
		if (n > 0) {
			offset += (uint64_t)n;
			length -= (uint64_t)n;
			data = (char *)data + n;
		}
	}
	return 0;
}

int fill_advance(struct fill *fill, uint64_t length)
{
	fill->done_bytes += length;
	if (fill->progress)
		progress_update(fill->progress, fill->done_bytes);
	if (fill_interrupted(fill))
		return -EINTR;
	return fill->watch ? fill->watch(fill->watch_context, fill->done_bytes) : 0;
}

/* Zeros if nobody makes anything else. */
static int fill_pieces(struct fill *fill, uint64_t offset, uint64_t length, fill_make *make,
		       void *context)
{
	const void *data = make ? fill->copy : fill->zeros;
	uint64_t end = offset + length;
	int r = fill_interrupted(fill) ? -EINTR : 0;

	while (r == 0 && offset < end) {
		uint64_t piece = piece_length(fill->image, offset, end);

		if (make)
			r = make(context, fill->copy, piece, offset);
		if (r == 0)
			r = piece_write(fill, data, offset, piece);
		if (r == 0)
			r = fill_advance(fill, piece);
		offset += piece;
	}
	return r;
}

int fill_zero(struct fill *fill, uint64_t offset, uint64_t length)
{
	return fill_pieces(fill, offset, length, NULL, NULL);
}

int fill_made(struct fill *fill, uint64_t offset, uint64_t length, fill_make *make, void *context)
{
	return fill_pieces(fill, offset, length, make, context);
}

int fill_rewrite(struct fill *fill, uint64_t offset, uint64_t length)
{
	return fill_pieces(fill, offset, length, piece_read, fill);
}

int fill_sync(const struct fill *fill)
{
	if (fsync(fill->image->buffered_fd) < 0)
		return -errno;
	return -posix_fadvise(fill->image->buffered_fd, 0, 0, POSIX_FADV_DONTNEED);
}
