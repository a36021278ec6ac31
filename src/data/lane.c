// SPDX-License-Identifier: MIT
#include "data/lane.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>

#include "data/volume.h"
#include "util/log.h"

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

static uint64_t now_ns(void)
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
	       (write->size <= REQUEST_PAYLOAD_BYTES && length == least + write->size);
}

/* Handed over as a copy: however long it takes, the lane has its request back. */
static void slow_received(struct request *request)
{
	const struct lanes *lanes = request->lane->lanes;
	int r = lanes->slow(request->in, request->lane->fuse_fd, lanes->slow_data);
	bool silent = request->in->opcode == FUSE_FORGET ||
		      request->in->opcode == FUSE_BATCH_FORGET;

	if (r < 0 && !silent)
		request_reply(request, r, NULL, 0);
	else
		lane_give(request);
}

void lane_received(struct request *request, const struct fuse_in_header *in, uint64_t length)
{
	const struct story *story = NULL;

	request->in = in;
	request->arguments = in + 1;
	request->volume = NULL;
	request->received_ns = now_ns();
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
		story->start(request);
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

void lane_post(struct request *request, void (*resume)(struct request *request))
{
	struct lane *lane = request->lane;
	const uint64_t one = 1;

	request->resume = resume;
	pthread_mutex_lock(&lane->inbox_mutex);
	request->next = lane->inbox;
	lane->inbox = request;
	pthread_mutex_unlock(&lane->inbox_mutex);
	/* Fails only if 2^64 - 2 wake-ups are outstanding. */
	while (write(lane->inbox_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
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

/* Threads ----------------------------------------------------------------- */

/* Of one request: the transport's headroom, the buffer, the edge. */
static size_t request_bytes(const struct transport *transport)
{
	return transport->headroom_bytes + REQUEST_BUFFER_BYTES + IMAGE_PAGE_BYTES;
}

static int lane_init(struct lane *lane, struct lanes *lanes, unsigned number)
{
	size_t bytes = request_bytes(lanes->transport);

	lane->lanes = lanes;
	lane->engine = lanes->engine;
	lane->transport = lanes->transport;
	lane->number = number;
	lane->depth = lanes->depth;
	pthread_mutex_init(&lane->inbox_mutex, NULL);
	lane->inbox_fd = eventfd(0, EFD_CLOEXEC);
	lane->requests = calloc(lane->depth, sizeof(*lane->requests));
	lane->arena_bytes = bytes * lane->depth;
	lane->arena = mmap(NULL, lane->arena_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (lane->arena == MAP_FAILED)
		lane->arena = NULL;
	if (!lane->arena || !lane->requests || lane->inbox_fd < 0)
		return -ENOMEM;
	lanes->memory_locked &= mlock(lane->arena, lane->arena_bytes) == 0;
	for (unsigned i = 0; i < lane->depth; i++) {
		struct request *request = &lane->requests[i];

		request->lane = lane;
		request->buffer = lane->arena + i * bytes + lanes->transport->headroom_bytes;
		request->edge = request->buffer + REQUEST_BUFFER_BYTES;
		request->next = lane->free;
		lane->free = request;
	}
	return 0;
}

static void lane_destroy(struct lane *lane)
{
	if (lane->start_result == 0 && lane->number < lane->lanes->running)
		lane->transport->stop(lane);
	if (lane->arena)
		munmap(lane->arena, lane->arena_bytes);
	if (lane->inbox_fd >= 0)
		close(lane->inbox_fd);
	free(lane->requests);
	pthread_mutex_destroy(&lane->inbox_mutex);
}

static int lane_start(struct lane *lane)
{
	int r = lane->engine->start(lane);

	if (r < 0)
		return r;
	r = lane->transport->start(lane);
	if (r < 0)
		lane->engine->stop(lane);
	return r;
}

static void lane_serve(struct lane *lane)
{
	while (!lane->ended || lane->busy > 0) {
		lane->transport->receive(lane);
		lane->engine->wait(lane);
	}
}

static void *lane_run(void *data)
{
	struct lane *lane = data;
	char name[16];
	int r;

	snprintf(name, sizeof(name), "lane-%u", lane->number);
	pthread_setname_np(pthread_self(), name);
	log_keep();
	r = lane->start_result = lane_start(lane);
	sem_post(&lane->lanes->started);
	if (r == 0) {
		lane_serve(lane);
		lane->engine->stop(lane);
	}
	return NULL;
}

static void lanes_size(struct lanes *lanes)
{
	unsigned cpus = (unsigned)max_u64((uint64_t)sysconf(_SC_NPROCESSORS_ONLN), 1);

	if (lanes->engine->deep) {
		if (lanes->count == 0)
			lanes->count = (unsigned)min_u64(cpus, 8);
		if (lanes->depth == 0)
			lanes->depth = (unsigned)max_u64(LANES_REQUESTS_DEFAULT / lanes->count, 1);
		return;
	}
	/* A lane for each request: as many are in flight as with lanes that have several. */
	if (lanes->count == 0)
		lanes->count = lanes->depth ? 1 : LANES_REQUESTS_DEFAULT / 2;
	lanes->count *= lanes->depth ? lanes->depth : 1;
	lanes->depth = 1;
}

static int lanes_init(struct lanes *lanes)
{
	lanes->lanes = calloc(lanes->count, sizeof(*lanes->lanes));
	if (!lanes->lanes)
		return -ENOMEM;
	lanes->memory_bytes = (uint64_t)lanes->count * lanes->depth *
			      (request_bytes(lanes->transport) + sizeof(struct request));
	lanes->memory_locked = true;
	for (unsigned i = 0; i < lanes->count; i++)
		lanes->lanes[i].inbox_fd = -1;
	for (unsigned i = 0; i < lanes->count; i++) {
		int r = lane_init(&lanes->lanes[i], lanes, i);

		if (r < 0)
			return r;
	}
	return 0;
}

void lanes_destroy(struct lanes *lanes)
{
	for (unsigned i = 0; lanes->lanes && i < lanes->count; i++)
		lane_destroy(&lanes->lanes[i]);
	free(lanes->lanes);
	lanes->lanes = NULL;
	sem_destroy(&lanes->started);
}

/* Returns when the lane serves, or has failed to start. */
static int lane_create(struct lane *lane)
{
	pthread_attr_t attributes;
	int r;

	/* A lane needs little stack, and all of it may be locked in memory. */
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * KIB);
	r = -pthread_create(&lane->thread, &attributes, lane_run, lane);
	pthread_attr_destroy(&attributes);
	if (r < 0)
		return r;
	while (sem_wait(&lane->lanes->started) < 0)
		;
	if (lane->start_result < 0)
		pthread_join(lane->thread, NULL);
	return lane->start_result;
}

int lanes_start(struct lanes *lanes)
{
	int r;

	lanes_size(lanes);
	if ((uint64_t)lanes->count * lanes->depth > LANES_REQUESTS_LIMIT)
		return -EINVAL;
	sem_init(&lanes->started, 0, 0);
	r = lanes_init(lanes);
	for (lanes->running = 0; r == 0 && lanes->running < lanes->count; lanes->running += r == 0)
		r = lane_create(&lanes->lanes[lanes->running]);
	/* Those that run already serve, and every lane can do all there is to do. */
	if (lanes->running > 0)
		return 0;
	lanes_destroy(lanes);
	return r;
}

void lanes_join(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->running; i++)
		pthread_join(lanes->lanes[i].thread, NULL);
}
