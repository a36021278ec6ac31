// SPDX-License-Identifier: MIT
/*
 * A READ, from arrival to reply: whole blocks into the buffer, and the reply from where the wanted
 * bytes are. Reading a hole costs the disk nothing: the filesystem knows.
 */
#include <errno.h>

#include "data/lane.h"
#include "data/volume.h"

static void read_done(struct request *request, int64_t result)
{
	struct volume *volume = request->volume;
	uint64_t before = request->at - round_down(request->at, volume->image.block_bytes);
	const char *reason = "the image is shorter than it was";

	if (result < 0) {
		volume_read_failed(volume, (int)result);
		request_reply(request, (int)result, NULL, 0);
	} else if ((uint64_t)result < before + request->length) {
		image_verify(&volume->image, &reason);
		volume_failed(volume, "short read", -EIO, reason);
		request_reply(request, -EIO, NULL, 0);
	} else {
		request_reply(request, 0, request->buffer + before, (uint32_t)request->length);
	}
}

void read_start(struct request *request)
{
	const struct fuse_read_in *in = request->arguments;
	struct volume *volume = request->volume;
	uint64_t start, end;

	if (in->size > REQUEST_PAYLOAD_BYTES) {
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
	start = round_down(request->at, volume->image.block_bytes);
	end = round_up(request->at + request->length, volume->image.block_bytes);
	request_read(request, request->buffer, end - start, start, read_done);
}
