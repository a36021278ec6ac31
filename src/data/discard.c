// SPDX-License-Identifier: MIT
/*
 * A FALLOCATE, from arrival to reply. A loop device sends BLKDISCARD as PUNCH_HOLE and BLKZEROOUT
 * as ZERO_RANGE. Zeros are really written: FALLOC_FL_ZERO_RANGE on the image would make its extents
 * unwritten again, and the next write would pay with metadata.
 */
#include <errno.h>
#include <linux/falloc.h>
#include <string.h>

#include "data/lane.h"
#include "data/volume.h"

static void discard_reply(struct request *request, int error)
{
	if (error < 0 && error != -EOPNOTSUPP)
		volume_write_failed(request->volume, "fallocate", error, NULL);
	request_reply(request, error, NULL, 0);
}

static void zero_next(struct request *request, int error);

static void punch_done(struct request *request, int64_t result)
{
	range_release(&request->volume->ranges, &request->range);
	zero_next(request, (int)result);
}

static void punch_locked(struct request *request)
{
	request_allocate(request, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, request->at,
			 request->length, punch_done);
}

static void punch_granted(struct range *range)
{
	lane_post(CONTAINER_OF(range, struct request, range), punch_locked);
}

/* Under the lock of writes: one that reads what is here must not put it back behind the hole. */
static void punch_pages(struct request *request)
{
	image_punched(&request->volume->image);
	request->range.shared = false;
	request->range.start = request->at;
	request->range.end = request->at + request->length;
	request->range.granted = punch_granted;
	if (range_acquire(&request->volume->ranges, &request->range))
		punch_locked(request);
}

static void zero_write(struct request *request)
{
	memset(request->buffer, 0, request->length);
	write_bytes(request, zero_next);
}

/*
 * Chunk by chunk. Only whole pages become holes: the filesystem would zero a part of one through
 * the page cache.
 */
static void zero_next(struct request *request, int error)
{
	const struct fuse_fallocate_in *in = request->arguments;
	bool punch = request->punch;
	uint64_t unit = punch ? IMAGE_PAGE_BYTES : request->lane->lanes->payload_bytes;
	uint64_t left;

	request->zeroed += request->length;
	left = in->length - request->zeroed;
	if (error < 0 || left == 0) {
		discard_reply(request, error);
		return;
	}
	request->at = request->volume->start_bytes + in->offset + request->zeroed;
	if (punch && request->at % unit == 0 && left >= unit) {
		request->length = round_down(left, unit);
		punch_pages(request);
	} else {
		request->length = min_u64(left, unit - request->at % unit);
		zero_write(request);
	}
}

static void zero_start(struct request *request, bool punch)
{
	request->zeroed = request->length = 0;
	request->punch = punch;
	request->durable = false;
	zero_next(request, 0);
}

static void allocate_done(struct request *request, int64_t result)
{
	discard_reply(request, (int)result);
}

static void hole_start(struct request *request)
{
	switch (request->volume->discard) {
	case DISCARD_KEEP:
		request_reply(request, -EOPNOTSUPP, NULL, 0);
		break;
	case DISCARD_ZERO:
		zero_start(request, false);
		break;
	case DISCARD_PUNCH:
		zero_start(request, true);
		break;
	}
}

void discard_start(struct request *request)
{
	const struct fuse_fallocate_in *in = request->arguments;
	struct volume *volume = request->volume;

	if (volume->image.read_only)
		request_reply(request, -EROFS, NULL, 0);
	else if (in->length == 0)
		request_reply(request, -EINVAL, NULL, 0);
	else if (in->offset > volume->size_bytes || in->length > volume->size_bytes - in->offset)
		request_reply(request, -ENOSPC, NULL, 0);
	else if (in->mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		hole_start(request);
	else if ((in->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE) == FALLOC_FL_ZERO_RANGE)
		zero_start(request, false);
	else if ((in->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE) == 0)
		request_allocate(request, FALLOC_FL_KEEP_SIZE, volume->start_bytes + in->offset,
				 in->length, allocate_done);
	else
		request_reply(request, -EOPNOTSUPP, NULL, 0);
}
