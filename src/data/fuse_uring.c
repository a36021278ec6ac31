// SPDX-License-Identifier: MIT
/*
 * Transport fuse-uring: FUSE over io_uring (Linux 6.14). The kernel has a queue for each CPU, and
 * puts a request into the one of the CPU that the caller runs on. Every queue is served by one
 * lane, on the lane's own ring: an io_uring_enter(2) that submits a disk I/O also takes replies
 * back and brings new requests.
 *
 * Each request of the lane is registered for one queue when the lane starts, with its buffer as the
 * payload. A reply is at the same time the wish for the next request: it never becomes free. So the
 * states of request.h are three here: receiving, running, replying (with the next receiving).
 *
 * Whoever wants something slow waits with his request until a thread of the session has it; then it
 * comes back through the lane's inbox. FORGET and INTERRUPT come through /dev/fuse all the same,
 * where a thread of the session reads them.
 */
#include <errno.h>
#include <string.h>

#include "data/fuse_uring_abi.h"
#include "data/lane.h"
#include "util/log.h"

static struct fuse_uring_header *header_of(const struct request *request)
{
	return (struct fuse_uring_header *)(request->buffer - IMAGE_PAGE_BYTES);
}

static void command_queue(struct request *request, unsigned command, uint64_t commit_id,
			  void (*finished)(struct io *io, int64_t result))
{
	struct lane *lane = request->lane;

	request->io = (struct io){
		.kind = IO_COMMAND,
		.fd = lane->fuse_fd,
		.flags = (int)command,
		.iov_count = 2,
		.iov = {{header_of(request), sizeof(struct fuse_uring_header)},
			{request->buffer, lane->lanes->payload_bytes}},
		.offset = commit_id,
		.length = request->queue,
		.finished = finished,
	};
	lane->engine->queue(lane, &request->io);
}

/* The lane of its queue. */
static struct lane *home_of(const struct request *request)
{
	struct lanes *lanes = request->lane->lanes;

	return &lanes->lanes[request->queue % lanes->count];
}

static const struct fuse_in_header *in_of(const struct request *request)
{
	return (const struct fuse_in_header *)header_of(request)->in_out;
}

/* Bytes of arguments in the header; what goes with them is the payload. */
static uint64_t arguments_bytes(const struct request *request)
{
	return in_of(request)->len - sizeof(struct fuse_in_header) -
	       header_of(request)->entry.payload_bytes;
}

/* What the kernel says of the parts must be true of the whole. */
static bool header_fits(const struct request *request)
{
	uint64_t payload = header_of(request)->entry.payload_bytes;

	return payload <= request->lane->lanes->payload_bytes &&
	       in_of(request)->len >= sizeof(struct fuse_in_header) + payload &&
	       arguments_bytes(request) <= FUSE_URING_ARGUMENTS_BYTES;
}

/* Unmounted, or aborted: and so are all others. */
static void uring_ended(struct request *request, int error)
{
	if (error != -ENOTCONN && error != -ECONNABORTED && error != -ECANCELED &&
	    error != -ENOENT && error != -ENODEV)
		log_error("fuse-uring: %s", strerror(-error));
	lanes_end(request->lane);
	lane_give(request);
}

static void uring_received(struct io *io, int64_t result)
{
	struct request *request = CONTAINER_OF(io, struct request, io);
	const struct fuse_in_header *in = in_of(request);

	/* Before the kernel has looked at it: the caller still waits. */
	if (result == -ENOMEM || result == -EINTR || result == -EAGAIN) {
		request->lane->engine->queue(request->lane, io);
	} else if (result < 0) {
		uring_ended(request, (int)result);
	} else if (header_fits(request)) {
		/* There is a queue for each CPU. What was passed here says nothing of its own. */
		if (request->lane == home_of(request))
			request->lane->cpu = request->queue;
		lane_received(request, in, header_of(request)->op_in, in->len);
	} else {
		log_error("fuse-uring: a request of %u bytes with a payload of %u", in->len,
			  header_of(request)->entry.payload_bytes);
		request->in = in;
		request->volume = NULL;
		request->large = false;
		request_reply(request, -EIO, NULL, 0);
	}
}

static void uring_commit(struct request *request)
{
	command_queue(request, FUSE_URING_COMMIT_AND_FETCH, header_of(request)->entry.commit_id,
		      uring_received);
}

/*
 * The reply's header takes the place of the request's; every body, that of the payload. Who gives
 * the reply back receives the next request with it: large ones may stay where they were passed to,
 * where there is more room for the next; others go back to the lane of their queue.
 */
static void uring_reply(struct request *request, const void *body, size_t length)
{
	struct fuse_uring_header *header = header_of(request);

	request->out.len = (uint32_t)(sizeof(request->out) + length);
	memcpy(header->in_out, &request->out, sizeof(request->out));
	header->entry.payload_bytes = (uint32_t)length;
	if (length > 0 && body != request->buffer)
		memmove(request->buffer, body, length);
	if (request->large || request->lane == home_of(request))
		uring_commit(request);
	else
		lane_pass(request, home_of(request), uring_commit);
}

static int uring_slow(struct request *request)
{
	const struct lanes *lanes = request->lane->lanes;
	struct fuse_uring_header *header = header_of(request);
	const struct iovec parts[] = {
		{header->in_out, sizeof(struct fuse_in_header)},
		{header->op_in, arguments_bytes(request)},
		{request->buffer, header->entry.payload_bytes},
	};

	return lanes->slow(parts, ARRAY_LENGTH(parts), -1, request, lanes->slow_data);
}

static void slow_resume(struct request *request)
{
	void *body = request->slow_body;

	/* The reply may go through another lane, and the next request be there before we are back.
	 */
	request->slow_body = NULL;
	uring_reply(request, body, request->slow_length);
	free(body);
}

/* In a thread of the session: its reply does not outlive the call, and the ring is the lane's. */
static int uring_slow_reply(struct request *request, const struct iovec *iov, int count)
{
	size_t length = 0;
	char *to;
	int r = 0;

	for (int i = 1; i < count; i++)
		length += iov[i].iov_len;
	memcpy(&request->out, iov[0].iov_base, sizeof(request->out));
	request->slow_body = to = malloc(length + 1);
	request->slow_length = length;
	if (length > request->lane->lanes->payload_bytes || !to) {
		request->out.error = r = -ENOMEM;
		request->slow_length = 0;
	} else {
		for (int i = 1; i < count; i++)
			to = mempcpy(to, iov[i].iov_base, iov[i].iov_len);
	}
	lane_post(request, slow_resume);
	return r;
}

/* Lane number n has the queues n, n + lanes, n + 2 * lanes, ..., and as many requests for each. */
static void queues_register(struct lane *lane)
{
	const struct lanes *lanes = lane->lanes;
	unsigned queues = (lanes->queues - lane->number + lanes->count - 1) / lanes->count;
	struct request *request;

	for (unsigned i = 0; (request = lane_take(lane)); i++) {
		request->queue = (uint16_t)(lane->number + i % queues * lanes->count);
		command_queue(request, FUSE_URING_REGISTER, 0, uring_received);
	}
}

/* One that the kernel takes ends with a request; one that it refuses, at once. */
static int registered(struct lane *lane)
{
	struct io_uring_cqe *cqe;
	int r = io_uring_submit_and_get_events(&lane->ring);
	unsigned head;

	if (r < 0)
		return r;
	r = 0;
	io_uring_for_each_cqe(&lane->ring, head, cqe)
	{
		if (cqe->res < 0 && r == 0)
			r = cqe->res;
	}
	return r;
}

static int uring_start(struct lane *lane)
{
	lane->fuse_fd = lane->lanes->fuse_fd;
	/* Each lane may spin: what comes for its queues, comes to no other. */
	lane->watching = true;
	queues_register(lane);
	return registered(lane);
}

static void uring_stop(struct lane *lane)
{
}

/* Who has replied, receives. A lane that has given all its requests away hears of the end from
 * others.
 */
static void uring_receive(struct lane *lane)
{
	lane->ended = lane->lanes->ended;
}

const struct transport transport_uring = {
	.name = "fuse-uring",
	.headroom_bytes = IMAGE_PAGE_BYTES,
	.commands = true,
	.whole = true,
	.movable = true,
	.start = uring_start,
	.stop = uring_stop,
	.receive = uring_receive,
	.reply = uring_reply,
	.slow = uring_slow,
	.slow_reply = uring_slow_reply,
};
