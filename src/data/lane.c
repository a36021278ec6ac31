// SPDX-License-Identifier: MIT
/* What a lane does with a request: find its story, do its I/O, reply, and take it back. */
#include "data/lane.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "data/volume.h"

/* From so many bytes on, another lane is woken for a request: copying them takes longer. */
#define SHARE_BYTES (128 * KIB)

/* What a request can be: which arguments it has, and which story it is. */
static const struct story {
	size_t arguments_bytes;
	void (*start)(struct request *request);
} stories[] = {
	[FUSE_READ] = {sizeof(struct fuse_read_in), read_start},
	[FUSE_WRITE] = {sizeof(struct fuse_write_in), write_start},
	[FUSE_FSYNC] = {sizeof(struct fuse_fsync_in), flush_start},
	[FUSE_FALLOCATE] = {sizeof(struct fuse_fallocate_in), discard_start},
	[FUSE_LSEEK] = {sizeof(struct fuse_lseek_in), seek_start},
};

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Requests ---------------------------------------------------------------- */

struct request *lane_take(struct lane *lane)
{
	struct request *request = lane->free;

	if (request) {
		lane->free = request->next;
		lane->busy++;
	}
	return request;
}

void lane_give(struct request *request)
{
	struct lane *lane = request->lane;

	request->next = lane->free;
	lane->free = request;
	lane->busy--;
}

/* The file handle comes first in the arguments of each story: it is what OPEN replied. */
static struct volume *volume_of(const void *arguments)
{
	uint64_t handle;

	memcpy(&handle, arguments, sizeof(handle));
	return (struct volume *)(uintptr_t)handle;
}

static bool story_fits(const struct story *story, const struct request *request, uint64_t length)
{
	const struct fuse_write_in *write = request->arguments;
	uint64_t least = sizeof(*request->in) + story->arguments_bytes;

	if (length < least)
		return false;
	return request->in->opcode != FUSE_WRITE ||
	       (write->size <= request->lane->lanes->payload_bytes &&
		length == least + write->size);
}

/* Handed over as a copy: however long it takes, the lane goes on. */
static void slow_received(struct request *request)
{
	bool silent = request->in->opcode == FUSE_FORGET ||
		      request->in->opcode == FUSE_BATCH_FORGET;
	int r = request->lane->transport->slow(request);

	if (r < 0 && silent)
		lane_give(request);
	else if (r < 0)
		request_reply(request, r, NULL, 0);
}

static bool is_large(const struct request *request)
{
	const struct fuse_read_in *read = request->arguments;
	const struct fuse_write_in *write = request->arguments;

	return (request->in->opcode == FUSE_READ && read->size >= SHARE_BYTES) ||
	       (request->in->opcode == FUSE_WRITE && write->size >= SHARE_BYTES);
}

/* Which has the least to copy and to encrypt: this one, if no other has less. */
static struct lane *least_loaded(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	struct lane *least = lane;

	for (unsigned i = 0; i < lanes->running; i++)
		if (lanes->lanes[i].large < least->large)
			least = &lanes->lanes[i];
	return least;
}

/*
 * All requests of one client come to the lane of its CPU. Those that take longer than to wake
 * another lane are shared out.
 */
static void request_start(struct request *request)
{
	struct lane *lane = request->lane, *least = lane;

	request->large = lane->transport->movable && is_large(request);
	if (request->large) {
		least = least_loaded(lane);
		least->large++;
	}
	if (least == lane)
		request->start(request);
	else
		lane_pass(request, least, request->start);
}

void lane_received(struct request *request, const struct fuse_in_header *in, const void *arguments,
		   uint64_t length)
{
	const struct story *story = NULL;

	request->in = in;
	request->arguments = arguments;
	request->volume = NULL;
	request->large = false;
	request->received_ns = now_ns();
	atomic_store_explicit(&request->lane->served, request->lane->served + 1,
			      memory_order_relaxed);
	/* The kernel never sends less than a header; what it says of the length must be true. */
	if (length < sizeof(*in) || in->len != length) {
		lane_give(request);
		return;
	}
	if (in->opcode < ARRAY_LENGTH(stories) && stories[in->opcode].start)
		story = &stories[in->opcode];
	if (in->opcode == FUSE_INTERRUPT) {
		/* Nothing here waits for anybody: the request will be replied to anyway. */
		lane_give(request);
	} else if (!story) {
		slow_received(request);
	} else if (!story_fits(story, request, length)) {
		request_reply(request, -EINVAL, NULL, 0);
	} else {
		request->volume = volume_of(request->arguments);
		request->start = story->start;
		request_start(request);
	}
}

static void count_reply(const struct request *request, int error)
{
	struct volume_counters *counters = request->volume->counters;

	switch (request->in->opcode) {
	case FUSE_READ:
		counters->reads++;
		counters->read_bytes += error ? 0 : request->length;
		break;
	case FUSE_WRITE:
		counters->writes++;
		counters->write_bytes += error ? 0 : request->length;
		break;
	case FUSE_FSYNC:
		counters->flushes++;
		break;
	default:
		return;
	}
	histogram_add(&counters->latency, now_ns() - request->received_ns);
}

void request_reply(struct request *request, int error, const void *body, uint32_t length)
{
	if (request->volume)
		count_reply(request, error);
	if (request->large)
		request->lane->large--;
	/* include/linux/errno.h: from 512 on, errors are the kernel's own; FUSE refuses them. */
	request->out.error = error <= -512 ? -EIO : error;
	request->out.unique = request->in->unique;
	request->lane->transport->reply(request, body, length);
}

/* Disk I/O ---------------------------------------------------------------- */

static void request_io_finished(struct io *io, int64_t result)
{
	struct request *request = CONTAINER_OF(io, struct request, io);

	request->then(request, result);
}

static void request_io(struct request *request, const struct io *io,
		       void (*then)(struct request *request, int64_t result))
{
	request->io = *io;
	request->io.finished = request_io_finished;
	request->then = then;
	request->lane->engine->queue(request->lane, &request->io);
}

void request_read(struct request *request, void *bytes, uint64_t length, uint64_t at,
		  void (*then)(struct request *request, int64_t result))
{
	struct io io = {.kind = IO_READ, .fd = request->volume->image.direct_fd, .offset = at};

	io.iov[io.iov_count++] = (struct iovec){bytes, length};
	request_io(request, &io, then);
}

void request_write(struct request *request, int fd, void *bytes, uint64_t length, uint64_t at,
		   bool durable, void (*then)(struct request *request, int64_t result))
{
	struct io io = {.kind = IO_WRITE, .fd = fd, .offset = at};

	io.flags = durable ? RWF_DSYNC : 0;
	io.iov[io.iov_count++] = (struct iovec){bytes, length};
	request_io(request, &io, then);
}

void request_flush(struct request *request, void (*then)(struct request *request, int64_t result))
{
	struct io io = {.kind = IO_FLUSH, .fd = request->volume->image.direct_fd};

	request_io(request, &io, then);
}

void request_allocate(struct request *request, int mode, uint64_t at, uint64_t length,
		      void (*then)(struct request *request, int64_t result))
{
	struct io io = {
		.kind = IO_ALLOCATE,
		.fd = request->volume->image.direct_fd,
		.flags = mode,
		.offset = at,
		.length = length,
	};

	request_io(request, &io, then);
}

/* Inbox ------------------------------------------------------------------- */

void lane_wake(struct lane *lane)
{
	const uint64_t one = 1;

	/* Fails only if 2^64 - 2 wake-ups are outstanding. */
	while (write(lane->inbox_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void lane_post(struct request *request, void (*resume)(struct request *request))
{
	struct lane *lane = request->lane;

	request->resume = resume;
	pthread_mutex_lock(&lane->inbox_mutex);
	request->next = lane->inbox;
	lane->inbox = request;
	pthread_mutex_unlock(&lane->inbox_mutex);
	lane_wake(lane);
}

static void pass_arrived(struct request *request)
{
	request->lane->busy++;
	request->passed(request);
}

void lane_pass(struct request *request, struct lane *to, void (*resume)(struct request *request))
{
	request->lane->busy--;
	request->lane = to;
	request->passed = resume;
	lane_post(request, pass_arrived);
}

void lane_inbox(struct lane *lane)
{
	struct request *request;

	pthread_mutex_lock(&lane->inbox_mutex);
	request = lane->inbox;
	lane->inbox = NULL;
	pthread_mutex_unlock(&lane->inbox_mutex);
	while (request) {
		struct request *next = request->next;

		request->resume(request);
		request = next;
	}
}
