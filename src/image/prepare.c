// SPDX-License-Identifier: MIT
/*
 * Theory of operation. A hole is first allocated, which leaves it an unwritten extent; both read as
 * zeros. Zeros are written to unwritten extents; whether or not the filesystem recorded that before
 * a crash, they read as zeros. Shared extents are copied by the filesystem itself, which switches
 * to the copy when it is complete. So no order of these steps can change a byte, none needs a
 * journal, and FIEMAP tells a later run what is left.
 *
 * The danger is zeros written over data: the lock keeps out everyone who takes locks, loop devices
 * are looked for, and each piece is asked about anew immediately before it is written.
 */
#include "image/prepare.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "image/fill.h"
#include "image/filesystem.h"
#include "image/image.h"
#include "image/loop.h"
#include "image/space.h"
#include "util/macros.h"

enum piece_state {
	PIECE_WRITTEN,
	PIECE_UNWRITTEN,
	PIECE_SHARED,
	PIECE_OTHER, /* a hole or encoded: someone changed it since all of them were excluded */
};

struct piece {
	enum piece_state state;
	uint64_t length;
};

static enum piece_state piece_state(uint32_t flags)
{
	struct extent extent = {.length = 1, .flags = flags};
	struct extent_summary one = {0};

	extent_summary_add(&one, &extent);
	return one.encoded     ? PIECE_OTHER
	       : one.shared    ? PIECE_SHARED
	       : one.unwritten ? PIECE_UNWRITTEN
			       : PIECE_WRITTEN;
}

/* What [offset, end) begins with. SYNC: a page written by a program that takes no lock counts. */
static int piece_find(int fd, uint64_t offset, uint64_t end, struct piece *ret_piece)
{
	union {
		struct fiemap map;
		char bytes[sizeof(struct fiemap) + sizeof(struct fiemap_extent)];
	} call = {.map = {.fm_start = offset,
			  .fm_length = end - offset,
			  .fm_flags = FIEMAP_FLAG_SYNC,
			  .fm_extent_count = 1}};
	struct fiemap_extent *found = &call.map.fm_extents[0];

	if (ioctl(fd, FS_IOC_FIEMAP, &call.map) < 0)
		return -errno;
	if (call.map.fm_mapped_extents == 0 || found->fe_logical > offset) {
		*ret_piece = (struct piece){PIECE_OTHER, end - offset};
		return 0;
	}
	ret_piece->state = piece_state(found->fe_flags);
	ret_piece->length = min_u64(found->fe_logical + found->fe_length, end) - offset;
	return ret_piece->length == 0 ? -EIO : 0;
}

/* XFS copies by itself, safe from other writers; elsewhere writing the same bytes does it. */
static int piece_unshare(struct fill *fill, uint64_t offset, uint64_t length)
{
	int fd = fill->image->buffered_fd;

	if (fallocate(fd, FALLOC_FL_UNSHARE_RANGE, (off_t)offset, (off_t)length) == 0)
		return fill_advance(fill, length);
	return errno == EOPNOTSUPP ? fill_rewrite(fill, offset, length) : -errno;
}

static int piece_prepare(struct fill *fill, uint64_t offset, const struct piece *piece)
{
	switch (piece->state) {
	case PIECE_WRITTEN:
		return 0;
	case PIECE_UNWRITTEN:
		return fill_zero(fill, offset, piece->length);
	case PIECE_SHARED:
		return piece_unshare(fill, offset, piece->length);
	case PIECE_OTHER:
		break;
	}
	return -EAGAIN;
}

static int image_walk(struct fill *fill)
{
	const struct image *image = fill->image;
	uint64_t offset = 0;
	int r = 0;

	while (r == 0 && offset < image->size_bytes) {
		struct piece piece = {PIECE_OTHER, 0};

		r = piece_find(image->buffered_fd, offset, image->size_bytes, &piece);
		if (r < 0)
			break;
		if (piece.state != PIECE_WRITTEN)
			piece.length = min_u64(piece.length, FILL_PIECE_BYTES);
		r = piece_prepare(fill, offset, &piece);
		offset += piece.length;
	}
	return r;
}

static int image_write(const struct image *image, const struct prepare_request *request)
{
	struct progress progress;
	struct fill fill;
	int r = fill_init(&fill, image, request->label ? &progress : NULL, request->interrupt);

	if (r < 0)
		return r;
	fill.done_bytes = image->extents.written;
	if (request->label)
		progress_start(&progress, request->label, image->size_bytes, fill.done_bytes);
	r = image_walk(&fill);
	if (r == 0)
		r = fill_sync(&fill);
	if (request->label)
		progress_finish(&progress);
	fill_destroy(&fill);
	return r;
}

static int image_check_place(const struct image *image, const char **ret_reason)
{
	if (image->size_bytes == 0) {
		*ret_reason = "it is empty: there is nothing to prepare";
		return -EINVAL;
	}
	if (filesystem_copies_on_write(image->buffered_fd)) {
		*ret_reason = "its filesystem writes each change to new blocks; make a new image "
			      "with platterfs create, which turns that off, and copy this one into "
			      "it (dd conv=notrunc)";
		return -EOPNOTSUPP;
	}
	if (image->extents.encoded) {
		*ret_reason =
			"its filesystem compresses or encrypts it, or does not tell where it "
			"lies; make a new image with platterfs create, on ext4 or XFS if need "
			"be, and copy this one into it (dd conv=notrunc)";
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Everything that can be refused is refused before the first change. */
static int image_check_change(const struct image *image, const char **ret_reason)
{
	struct loop loop;

	if (loop_find(image->device, image->inode, &loop)) {
		*ret_reason = "a loop device is attached to it, and writes without a lock; detach "
			      "it first (losetup --associated, losetup --detach)";
		return -EBUSY;
	}
	return space_check(image->buffered_fd, image->extents.hole + image->extents.shared);
}

static int image_reserve(const struct image *image, const char **ret_reason)
{
	int r;

	if (image->extents.hole == 0)
		return 0;
	r = space_reserve(image->buffered_fd, image->size_bytes);
	if (r == -EOPNOTSUPP)
		*ret_reason = "its filesystem cannot fill holes safely (no fallocate); make a new "
			      "image with platterfs create, and copy this one into it";
	return r;
}

/* Trust nothing: ask again. */
static int image_confirm(const struct image *image, const char **ret_reason)
{
	struct extent_summary extents;
	int r = extents_summary(image->buffered_fd, image->size_bytes, &extents);

	if (r == 0)
		r = image_verify(image, ret_reason);
	if (r == 0 && !extents_mapped(&extents)) {
		*ret_reason = "its filesystem moved or shared blocks meanwhile; run it again";
		r = -EAGAIN;
	}
	return r;
}

static const char *prepare_reason(int error)
{
	switch (error) {
	case -ENOSPC:
		return "not enough free space on its filesystem for its holes and shared blocks; "
		       "its contents are unchanged";
	case -EINTR:
		return "interrupted; its contents are unchanged, run it again to continue";
	case -EAGAIN:
		return "another program changes it at the same time; end that and run it again";
	default:
		return NULL;
	}
}

static int image_change(const struct image *image, const struct prepare_request *request,
			const char **ret_reason)
{
	int r = image_check_change(image, ret_reason);

	if (r == 0)
		r = image_reserve(image, ret_reason);
	if (r == 0)
		r = image_write(image, request);
	if (r == 0)
		r = image_confirm(image, ret_reason);
	return r;
}

int image_prepare(const struct prepare_request *request, uint64_t *ret_bytes,
		  const char **ret_reason)
{
	struct image image;
	uint64_t bytes;
	int r;

	*ret_reason = NULL;
	r = image_open(AT_FDCWD, request->path, 0, &image, ret_reason);
	if (r == -EBUSY)
		*ret_reason = "in use by another program; unmount it or end that program first";
	if (r < 0)
		return r;
	bytes = image.size_bytes - image.extents.written;
	r = image_check_place(&image, ret_reason);
	if (r == 0 && bytes > 0)
		r = image_change(&image, request, ret_reason);
	image_close(&image);
	if (r < 0 && !*ret_reason)
		*ret_reason = prepare_reason(r);
	if (r == 0)
		*ret_bytes = bytes;
	return r;
}
