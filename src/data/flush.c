// SPDX-License-Identifier: MIT
/*
 * An FSYNC, from arrival to reply. Also for fsync(2) only the data is flushed: the volume's times
 * are not kept, and on a mapped image the data is all there is, so it costs one flush.
 */
#include <errno.h>

#include "data/lane.h"
#include "data/volume.h"

/* Asked after the flush: it vouches for what was flushed only if the image still is the same. */
static void flush_done(struct request *request, int64_t result)
{
	struct volume *volume = request->volume;
	const char *reason = NULL;

	if (result == 0 && image_verify(&volume->image, &reason) < 0)
		result = -EIO;
	if (result < 0)
		volume_failed(volume, "fsync", (int)result, reason);
	else if (volume->failed)
		result = -EIO;
	request_reply(request, (int)result, NULL, 0);
}

void flush_start(struct request *request)
{
	if (request->volume->failed)
		request_reply(request, -EIO, NULL, 0);
	else
		request_flush(request, flush_done);
}
