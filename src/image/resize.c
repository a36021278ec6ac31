// SPDX-License-Identifier: MIT
#include "image/resize.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "image/fill.h"
#include "image/space.h"
#include "util/macros.h"
#include "util/progress.h"

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
static int fill_tail(struct fill *fill, const struct resize_request *request)
{
	uint64_t aligned = min_u64(round_up(request->from_bytes, IMAGE_PAGE_BYTES),
				   request->to_bytes);
	int r = fill_part(fill, request, request->from_bytes, aligned);

	if (r == 0)
		r = fill_part(fill, request, aligned, request->to_bytes);
	return r == 0 ? fill_sync(fill) : r;
}

static int tail_write(const struct image *image, const struct resize_request *request)
{
	struct progress progress;
	struct fill fill;
	int r = fill_init(&fill, image, request->label ? &progress : NULL, request->interrupt);

	if (r < 0)
		return r;
	if (request->label)
		progress_start(&progress, request->label, request->to_bytes - request->from_bytes,
			       0);
	r = fill_tail(&fill, request);
	if (request->label)
		progress_finish(&progress);
	fill_destroy(&fill);
	return r;
}

/* Blocks first, behind the end: a full filesystem says so before anything has changed. */
static int tail_allocate(const struct image *image, const struct resize_request *request)
{
	uint64_t length = request->to_bytes - request->from_bytes;
	int r = space_check(image->buffered_fd, length);

	if (r == 0 && fallocate(image->buffered_fd, FALLOC_FL_KEEP_SIZE, (off_t)request->from_bytes,
				(off_t)length) < 0)
		r = errno == EOPNOTSUPP ? 0 : -errno;
	if (r == 0 && ftruncate(image->buffered_fd, (off_t)request->to_bytes) < 0)
		r = -errno;
	return r;
}

/* Also frees what was allocated behind the end. */
int image_cut(struct image *image, uint64_t to_bytes)
{
	if (ftruncate(image->buffered_fd, (off_t)to_bytes) < 0 || fsync(image->buffered_fd) < 0)
		return -errno;
	return image_resized(image);
}

int image_extend(struct image *image, const struct resize_request *request)
{
	int r;

	/* Who has the image open takes no part in this: one at a time. */
	if (flock(image->buffered_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	r = tail_allocate(image, request);
	if (r == 0)
		r = image_resized(image);
	if (r == 0)
		r = tail_write(image, request);
	if (r < 0)
		image_cut(image, request->from_bytes);
	return r;
}
