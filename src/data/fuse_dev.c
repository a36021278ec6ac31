// SPDX-License-Identifier: MIT
/*
 * Transport dev: /dev/fuse, cloned for each lane (FUSE_DEV_IOC_CLONE) so that a lane's requests
 * are replied to where they were received.
 *
 * Which lane takes a request: one lane at a time watches, that is, has a poll of /dev/fuse on its
 * ring. Before a lane sleeps it becomes the watcher, unless there is one. So a single client is
 * served by one lane, which is still warm, and not by each in turn. When a lane finds more than it
 * does at once, or much to copy, it makes a sleeping lane the watcher, and they share the work.
 *
 * Before it watches, a lane takes all the requests that there are.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "data/lane.h"
#include "util/log.h"

/* A WRITE's header and arguments lie right before the page its payload starts at. */
#define HEADER_BYTES (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))

/* A request of this size is worth waking another lane for: copying it takes longer. */
#define SHARE_BYTES (64 * KIB)

static char *receive_bytes(const struct request *request)
{
	return request->buffer - HEADER_BYTES;
}

/* Without a clone (no access to /dev/fuse: fusermount3 opened it for us), lanes share one. */
static int fuse_clone(int session_fd)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	uint32_t session = (uint32_t)session_fd;

	if (fd < 0)
		return session_fd;
	if (ioctl(fd, FUSE_DEV_IOC_CLONE, &session) < 0) {
		close(fd);
		return session_fd;
	}
	return fd;
}

static int dev_start(struct lane *lane)
{
	int flags;

	lane->fuse_fd = lane->number == 0 ? lane->lanes->fuse_fd : fuse_clone(lane->lanes->fuse_fd);
	flags = fcntl(lane->fuse_fd, F_GETFL);
	if (flags < 0)
		return -errno;
	flags = lane->engine->deep ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(lane->fuse_fd, F_SETFL, flags) < 0 ? -errno : 0;
}

static void dev_stop(struct lane *lane)
{
	if (lane->fuse_fd != lane->lanes->fuse_fd)
		close(lane->fuse_fd);
}

/* Another lane watches; it need not be woken for that as long as somebody is awake. */
static bool watch_take(struct lane *lane)
{
	struct lane *nobody = NULL;

	return lane->lanes->watcher == lane ||
	       atomic_compare_exchange_strong(&lane->lanes->watcher, &nobody, lane);
}

/* Makes a sleeping lane the watcher, if there is none. */
static void watch_share(struct lane *lane)
{
	struct lanes *lanes = lane->lanes;

	for (unsigned i = 1; i < lanes->running && !lanes->watcher; i++) {
		struct lane *other = &lanes->lanes[(lane->number + i) % lanes->running];
		struct lane *nobody = NULL;

		if (other->asleep && !other->full &&
		    atomic_compare_exchange_strong(&lanes->watcher, &nobody, other))
			lane_wake(other);
	}
}

/* A lane without a free request cannot watch; it turns again when it has one. */
static void watch_pass(struct lane *lane)
{
	if (!lane->watching && lane->lanes->watcher == lane)
		lane->lanes->watcher = NULL;
	watch_share(lane);
}

static void dev_arrived(struct request *request, uint64_t length)
{
	struct lane *lane = request->lane;
	const struct fuse_in_header *in = (void *)receive_bytes(request);

	if (lane->busy > 1 || length > SHARE_BYTES)
		watch_share(lane);
	lane_received(request, in, in + 1, length);
}

/* ENODEV: unmounted. ECONNABORTED: the connection was aborted through sysfs. */
static void dev_failed(struct request *request, int error)
{
	if (error == -ENODEV || error == -ECONNABORTED)
		lanes_end(request->lane);
	else if (error != -EAGAIN && error != -EINTR && error != -ENOENT && error != -ECANCELED)
		log_error("/dev/fuse: read: %s", strerror(-error));
	lane_give(request);
}

static void dev_received(struct io *io, int64_t result)
{
	struct request *request = CONTAINER_OF(io, struct request, io);
	struct lane *lane = request->lane;

	lane->receiving--;
	if (lane->watching) {
		lane->watching = false;
		lane->lanes->watcher = NULL;
	}
	if (result >= 0)
		dev_arrived(request, (uint64_t)result);
	else
		dev_failed(request, (int)result);
}

/* Waits for a request. False: the lane has none free for it. */
static bool receive_queue(struct lane *lane)
{
	struct request *request = lane_take(lane);

	if (!request)
		return false;
	request->io = (struct io){
		.kind = IO_RECEIVE,
		.fd = lane->fuse_fd,
		.iov_count = 1,
		.iov = {{receive_bytes(request), HEADER_BYTES + lane->lanes->payload_bytes}},
		.finished = dev_received,
	};
	lane->receiving++;
	lane->engine->queue(lane, &request->io);
	return true;
}

/* Takes what there is, without waiting. Not through the ring: that would wait for more. */
static void receive_all(struct lane *lane)
{
	struct request *request;
	ssize_t length = 0;

	while (length >= 0 && !lane->lanes->ended && (request = lane_take(lane))) {
		length = read(lane->fuse_fd, receive_bytes(request),
			      HEADER_BYTES + lane->lanes->payload_bytes);
		if (length >= 0)
			dev_arrived(request, (uint64_t)length);
		else
			dev_failed(request, -errno);
	}
}

static void dev_receive(struct lane *lane)
{
	lane->ended = lane->lanes->ended;
	if (lane->ended)
		return;
	/* Without a ring, lanes wait in read(2), of which the kernel wakes one. */
	if (!lane->engine->deep) {
		if (lane->receiving == 0)
			receive_queue(lane);
		return;
	}
	if (!lane->watching)
		receive_all(lane);
	lane->ended = lane->lanes->ended;
	if (!lane->watching && !lane->ended && lane->free && watch_take(lane))
		lane->watching = receive_queue(lane);
	lane->full = !lane->free;
	if (lane->full)
		watch_pass(lane);
}

/*
 * ENOENT: whoever asked was killed meanwhile. ENODEV, EPERM, EAGAIN: unmounted by force (the
 * aborted connection is never writable). Whatever else was lost would leave somebody waiting for
 * ever.
 */
static void dev_replied(struct io *io, int64_t result)
{
	struct request *request = CONTAINER_OF(io, struct request, io);
	struct lane *lane = request->lane;

	if (result == -ENOMEM || result == -EINTR) {
		lane->engine->queue(lane, io);
		return;
	}
	if (result < 0 && result != -ENOENT && result != -ENODEV && result != -EPERM &&
	    result != -EAGAIN && result != -ECONNABORTED)
		log_error("/dev/fuse: reply: %s", strerror((int)-result));
	lane_give(request);
}

static void dev_reply(struct request *request, const void *body, size_t length)
{
	struct lane *lane = request->lane;

	request->out.len = (uint32_t)(sizeof(request->out) + length);
	request->io = (struct io){
		.kind = IO_SEND,
		.fd = lane->fuse_fd,
		.iov_count = length ? 2 : 1,
		.iov = {{&request->out, sizeof(request->out)}, {(void *)body, length}},
		.finished = dev_replied,
	};
	lane->engine->queue(lane, &request->io);
}

/* The request is the lane's again: the reply goes through the descriptor. */
static int dev_slow(struct request *request)
{
	const struct lanes *lanes = request->lane->lanes;
	struct iovec whole = {(void *)request->in, request->in->len};
	int r = lanes->slow(&whole, 1, request->lane->fuse_fd, NULL, lanes->slow_data);

	if (r == 0)
		lane_give(request);
	return r;
}

const struct transport transport_dev = {
	.name = "dev",
	.headroom_bytes = IMAGE_PAGE_BYTES,
	.start = dev_start,
	.stop = dev_stop,
	.receive = dev_receive,
	.reply = dev_reply,
	.slow = dev_slow,
};
