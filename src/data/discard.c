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

static void zero_next(struct request *request, int error)
{
	const struct fuse_fallocate_in *in = request->arguments;
	uint64_t left, until_aligned;

	request->zeroed += request->length;
	left = in->length - request->zeroed;
	if (error < 0 || left == 0) {
		discard_reply(request, error);
		return;
	}
	request->at = request->volume->start_bytes + in->offset + request->zeroed;
	until_aligned = REQUEST_PAYLOAD_BYTES - request->at % REQUEST_PAYLOAD_BYTES;
	request->length = min_u64(left, until_aligned);
	memset(request->buffer, 0, request->length);
	write_bytes(request, zero_next);
}

static void zero_start(struct request *request)
{
	request->zeroed = request->length = 0;
	request->durable = false;
	zero_next(request, 0);
}

static void allocate_done(struct request *request, int64_t result)
{
	discard_reply(request, (int)result);
}

/* Writes in flight to the same place are as if they came before or after, as on any disk. */
static void punch_start(struct request *request, const struct fuse_fallocate_in *in)
{
	image_punched(&request->volume->image);
	request_allocate(request, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 request->volume->start_bytes + in->offset, in->length, allocate_done);
}

static void hole_start(struct request *request, const struct fuse_fallocate_in *in)
{
	switch (request->volume->discard) {
	case DISCARD_KEEP:
		request_reply(request, -EOPNOTSUPP, NULL, 0);
		break;
	case DISCARD_ZERO:
		zero_start(request);
		break;
	case DISCARD_PUNCH:
		punch_start(request, in);
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
		hole_start(request, in);
	else if ((in->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE) == FALLOC_FL_ZERO_RANGE)
		zero_start(request);
	else if ((in->mode & ~(uint32_t)FALLOC_FL_KEEP_SIZE) == 0)
		request_allocate(request, FALLOC_FL_KEEP_SIZE, volume->start_bytes + in->offset,
				 in->length, allocate_done);
	else
		request_reply(request, -EOPNOTSUPP, NULL, 0);
}
