// SPDX-License-Identifier: MIT
/*
 * Transport dev: /dev/fuse, cloned for each lane (FUSE_DEV_IOC_CLONE) so that a lane's requests
 * are replied to where they were received.
 *
 * How many requests a lane asks for at once: one while it is idle, and it waits for that one. When
 * requests come while others are being worked on, there are probably more, so it asks for twice
 * as many next time, without waiting, until FUSE has no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "data/lane.h"
#include "util/log.h"

/* A WRITE's header and arguments lie right before the page its payload starts at. */
#define HEADER_BYTES (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))

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
	lane->wanted = 1;
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

static void dev_received(struct io *io, int64_t result)
{
	struct request *request = CONTAINER_OF(io, struct request, io);
	struct lane *lane = request->lane;

	lane->receiving--;
	if (result >= 0) {
		if (lane->busy > lane->receiving + 1)
			lane->wanted = (unsigned)min_u64(2 * lane->wanted, lane->depth);
		lane_received(request, (void *)receive_bytes(request), (uint64_t)result);
		return;
	}
	lane->wanted = 1;
	/* ENODEV: unmounted. ECONNABORTED: the connection was aborted through sysfs. */
	if (result == -ENODEV || result == -ECONNABORTED)
		lane->ended = true;
	else if (result != -EAGAIN && result != -EINTR && result != -ENOENT && result != -ECANCELED)
		log_error("/dev/fuse: read: %s", strerror((int)-result));
	lane_give(request);
}

static void dev_receive(struct lane *lane)
{
	while (!lane->ended && lane->receiving < lane->wanted) {
		struct request *request = lane_take(lane);

		if (!request)
			return;
		request->io = (struct io){
			.kind = IO_RECEIVE,
			.fd = lane->fuse_fd,
			.flags = lane->receiving == 0 ? IO_RECEIVE_WAITING : 0,
			.iov_count = 1,
			.iov = {{receive_bytes(request), HEADER_BYTES + REQUEST_PAYLOAD_BYTES}},
			.finished = dev_received,
		};
		lane->receiving++;
		lane->engine->queue(lane, &request->io);
	}
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

const struct transport transport_dev = {
	.name = "dev",
	.headroom_bytes = IMAGE_PAGE_BYTES,
	.start = dev_start,
	.stop = dev_stop,
	.receive = dev_receive,
	.reply = dev_reply,
};
