// SPDX-License-Identifier: MIT
/*
 * A READ, from arrival to reply: whole sectors, in whole blocks, into the buffer; decrypted in
 * place; and the reply from where the wanted bytes are. Reading a hole costs the disk nothing: the
 * filesystem knows.
 *
 *   read_start    bounds; where one half of a sector says nothing without the other, lock them
 *   read_locked   the blocks, by direct I/O
 *   read_done     decrypt, unlock, reply
 */
#include <errno.h>

#include "data/lane.h"
#include "data/volume.h"

static uint64_t sectors_start(const struct request *request)
{
	return volume_sector_start(request->volume, request->at);
}

static uint64_t sectors_end(const struct request *request)
{
	return volume_sector_end(request->volume, request->at + request->length);
}

static uint64_t blocks_start(const struct request *request)
{
	return round_down(sectors_start(request), request->volume->image.block_bytes);
}

static uint64_t blocks_end(const struct request *request)
{
	return round_up(sectors_end(request), request->volume->image.block_bytes);
}

/*
 * A write of a few bytes replaces a whole sector. Who reads other bytes of it meanwhile gets the
 * same from both, unless it is half of one ciphertext and half of the other in a chained mode.
 */
static bool must_lock(const struct volume *volume)
{
	return volume->sectors && sectors_chained(volume->sectors);
}

static int read_decrypt(struct request *request, int64_t result)
{
	uint64_t start = sectors_start(request), end = sectors_end(request);
	char *bytes = request->buffer + (start - blocks_start(request));
	const char *reason = "the image is shorter than it was";
	int r;

	if (result < 0) {
		volume_read_failed(request->volume, (int)result);
		return (int)result;
	}
	if ((uint64_t)result < end - blocks_start(request)) {
		image_verify(&request->volume->image, &reason);
		volume_failed(request->volume, "short read", -EIO, reason);
		return -EIO;
	}
	r = volume_decrypt(request->volume, request->lane->number, bytes, start, end - start);
	if (r < 0)
		volume_read_failed(request->volume, r);
	return r;
}

static void read_done(struct request *request, int64_t result)
{
	int error = read_decrypt(request, result);

	if (must_lock(request->volume))
		range_release(&request->volume->ranges, &request->range);
	if (error < 0)
		request_reply(request, error, NULL, 0);
	else
		request_reply(request, 0, request->buffer + (request->at - blocks_start(request)),
			      (uint32_t)request->length);
}

static void read_locked(struct request *request)
{
	request_read(request, request->buffer, blocks_end(request) - blocks_start(request),
		     blocks_start(request), read_done);
}

static void read_granted(struct range *range)
{
	lane_post(CONTAINER_OF(range, struct request, range), read_locked);
}

static void read_lock(struct request *request)
{
	request->range.start = blocks_start(request);
	request->range.end = blocks_end(request);
	request->range.shared = true;
	request->range.granted = read_granted;
	if (range_acquire(&request->volume->ranges, &request->range))
		read_locked(request);
}

void read_start(struct request *request)
{
	const struct fuse_read_in *in = request->arguments;
	struct volume *volume = request->volume;

	if (in->size > request->lane->lanes->payload_bytes) {
		request_reply(request, -EINVAL, NULL, 0);
		return;
	}
	request->offset = in->offset;
	request->length = 0;
	if (in->offset < volume->size_bytes)
		request->length = min_u64(in->size, volume->size_bytes - in->offset);
	if (request->length == 0) {
		request_reply(request, 0, NULL, 0);
		return;
	}
	request->at = volume->start_bytes + request->offset;
	if (must_lock(volume))
		read_lock(request);
	else
		read_locked(request);
}
