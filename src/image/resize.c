// SPDX-License-Identifier: MIT
#include "image/resize.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/space.h"
#include "util/log.h"
#include "util/macros.h"

/* Allocated at once, which a filesystem may take a moment for. */
#define ALLOCATE_BYTES (1 * GIB)

/* Indistinguishable from what encryption writes there later. */
static int make_noise(void *context, void *bytes, uint64_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t made = getrandom(bytes, length, 0);

		if (made < 0 && errno != EINTR)
			return -errno;
		if (made > 0) {
			bytes = (char *)bytes + made;
			length -= (uint64_t)made;
		}
	}
	return 0;
}

static int fill_part(struct fill *fill, const struct resize_request *request, uint64_t from,
		     uint64_t to)
{
	if (from >= to)
		return 0;
	return request->noise ? fill_made(fill, from, to - from, make_noise, NULL)
			      : fill_zero(fill, from, to - from);
}

/* First to the end of a page, so that the rest is aligned for direct I/O. */
static int fill_tail(struct fill *fill, const struct resize_request *request, uint64_t from)
{
	uint64_t aligned = min_u64(round_up(from, IMAGE_PAGE_BYTES), request->to_bytes);
	int r = fill_part(fill, request, from, aligned);

	if (r == 0)
		r = fill_part(fill, request, aligned, request->to_bytes);
	return r == 0 ? fill_sync(fill) : r;
}

/* Who serves the image must not see it longer yet: the file is filled as an image of its own. */
static int tail_write(const struct image *image, const struct resize_request *request)
{
	struct image extended = {.direct_fd = image->direct_fd,
				 .buffered_fd = image->buffered_fd,
				 .block_bytes = image->block_bytes};
	struct fill fill;
	int r = fill_init(&fill, &extended, NULL, NULL);

	if (r < 0)
		return r;
	image_set_size(&extended, request->to_bytes);
	fill.watch = request->watch;
	fill.watch_context = request->watch_context;
	r = fill_tail(&fill, request, image->size_bytes);
	fill_destroy(&fill);
	return r;
}

static int part_allocate(const struct image *image, uint64_t at, uint64_t length)
{
	int r;

	do {
		r = fallocate(image->buffered_fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)length);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

/* What another program has made shorter meanwhile must not be made long again, with zeros in it. */
static int lengthen(const struct image *image, uint64_t to_bytes)
{
	struct stat status;

	if (fstat(image->buffered_fd, &status) < 0)
		return -errno;
	if ((uint64_t)status.st_size != image->size_bytes)
		return -EIO;
	return ftruncate(image->buffered_fd, (off_t)to_bytes) < 0 ? -errno : 0;
}

/*
 * Blocks first, behind the end: a full filesystem says so before anything has changed. In parts,
 * between which it can be stopped.
 */
static int tail_allocate(const struct image *image, const struct resize_request *request)
{
	uint64_t at = image->size_bytes;
	int r = space_check(image->buffered_fd, request->to_bytes - at);

	while (r == 0 && at < request->to_bytes) {
		uint64_t length = min_u64(request->to_bytes - at, ALLOCATE_BYTES);

		r = part_allocate(image, at, length);
		at += length;
		if (r == 0 && request->watch)
			r = request->watch(request->watch_context, 0);
	}
	if (r == -EOPNOTSUPP)
		r = 0;
	return r < 0 ? r : lengthen(image, request->to_bytes);
}

/*
 * Also frees what was allocated behind the end. Never lengthens: a file that another program has
 * made shorter is that program's.
 */
static int cut_back(const struct image *image)
{
	struct stat status;

	if (fstat(image->buffered_fd, &status) < 0)
		return -errno;
	if ((uint64_t)status.st_size < image->size_bytes)
		return -EIO;
	return ftruncate(image->buffered_fd, (off_t)image->size_bytes) < 0 ? -errno : 0;
}

int image_extend(const struct image *image, const struct resize_request *request)
{
	int r = tail_allocate(image, request);

	if (r == 0)
		r = tail_write(image, request);
	if (r < 0 && cut_back(image) == 0 && fsync(image->buffered_fd) < 0)
		log_line(LOG_DEBUG, "fsync of an image that was cut back: %s", strerror(errno));
	return r;
}

int image_cut(struct image *image, uint64_t to_bytes)
{
	if (ftruncate(image->buffered_fd, (off_t)to_bytes) < 0 || fsync(image->buffered_fd) < 0)
		return -errno;
	image_set_size(image, to_bytes);
	return 0;
}

/* An image that lanes serve ------------------------------------------------ */

/*
 * Lanes verify it after each flush. `changes` is odd while what they compare with
 * changes, and the file is what it has to be before that.
 */
void image_growing(struct image *image, uint64_t to_bytes)
{
	image->growing_to_bytes = to_bytes;
}

static int tail_extents(const struct image *image, uint64_t to_bytes,
			struct extent_summary *ret_tail)
{
	int r = extents_summary_from(image->buffered_fd, image->size_bytes, to_bytes, ret_tail);

	/* As when an image is opened. */
	if (r == -EOPNOTSUPP) {
		*ret_tail = (struct extent_summary){.encoded = to_bytes - image->size_bytes};
		r = 0;
	}
	return r;
}

/* Of the new part only: what has become of the old one meanwhile, the next flush must notice. */
int image_grown(struct image *image, const char **ret_reason)
{
	uint64_t to_bytes = image->growing_to_bytes;
	struct extent_summary tail;
	struct stat status;
	int r = tail_extents(image, to_bytes, &tail);

	*ret_reason = NULL;
	if (r < 0)
		return r;
	if (fstat(image->direct_fd, &status) < 0)
		return -errno;
	if ((uint64_t)status.st_size != to_bytes) {
		*ret_reason = "the size of the image was changed by another program";
		return -EIO;
	}
	image->changes++;
	extent_summary_join(&image->extents, &tail);
	image->blocks_least = extents_allocated(&image->extents);
	image_set_size(image, to_bytes);
	image->growing_to_bytes = 0;
	image->changes++;
	return 0;
}

int image_not_grown(struct image *image)
{
	int r = cut_back(image);

	if (r < 0)
		return r;
	image->changes++;
	image->growing_to_bytes = 0;
	image->changes++;
	return 0;
}
