// SPDX-License-Identifier: MIT
/*
 * An FSYNC, from arrival to reply. Also for fsync(2) only the data is flushed: the volume's times
 * are not kept, and on a mapped image the data is all there is, so it costs one flush.
 *
 * The kernel sends the next FSYNC of a file when the last one has been replied to: there is never
 * a second one of the same volume that could share its flush.
 *
 * Engine io_uring hands a flush to another thread, which costs two wake-ups: more than the flush
 * itself where the device has no volatile cache. So where flushes come back soon, the lane calls
 * fdatasync(2) in place. It must not stand still for slow ones: whenever one was, it takes twice as
 * many good ones before that is tried again.
 */
#include <errno.h>
#include <unistd.h>

#include "data/lane.h"
#include "data/volume.h"

enum {
	QUICK_NS = 50000,      /* in place: then the next one is, too */
	PROMISING_NS = 200000, /* through the engine: then the next one may be in place */
	PATIENCE_MOST = 4096
};

/* Asked after the flush: it vouches for what was flushed only if the image still is the same. */
static void flush_end(struct request *request, int64_t result)
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

static void flush_in_place(struct request *request)
{
	struct flushes *flushes = &request->volume->flushes;
	uint64_t before = now_ns();
	int result = fdatasync(request->volume->image.direct_fd) < 0 ? -errno : 0;

	if (now_ns() - before > QUICK_NS) {
		flushes->quick = false;
		flushes->promising = 0;
		flushes->patience = (unsigned)min_u64(2 * flushes->patience + 1, PATIENCE_MOST);
	}
	flush_end(request, result);
}

static void flush_done(struct request *request, int64_t result)
{
	struct flushes *flushes = &request->volume->flushes;

	if (now_ns() - request->received_ns > PROMISING_NS)
		flushes->promising = 0;
	else if (++flushes->promising > flushes->patience)
		flushes->quick = true;
	flush_end(request, result);
}

void flush_start(struct request *request)
{
	if (request->volume->failed)
		request_reply(request, -EIO, NULL, 0);
	else if (request->lane->engine->deep && request->volume->flushes.quick)
		flush_in_place(request);
	else
		request_flush(request, flush_done);
}
