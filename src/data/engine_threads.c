// SPDX-License-Identifier: MIT
/*
 * Engine threads: preadv2(2) and pwritev2(2), for places where io_uring is forbidden, as in most
 * containers. A lane does one thing at a time, so there are more lanes, of one request each.
 */
#include "data/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "data/lane.h"

static int threads_start(struct lane *lane)
{
	lane->ended_first = NULL;
	lane->ended_last = &lane->ended_first;
	lane->receiving_io = NULL;
	return 0;
}

static void threads_stop(struct lane *lane)
{
}

static int64_t io_call(struct io *io)
{
	uint64_t offset;
	struct iovec rest;

	switch (io->kind) {
	case IO_READ:
		rest = io_remaining(io, &offset);
		return preadv2(io->fd, &rest, 1, (off_t)offset, io->flags);
	case IO_WRITE:
		rest = io_remaining(io, &offset);
		return pwritev2(io->fd, &rest, 1, (off_t)offset, io->flags);
	case IO_FLUSH:
		return fdatasync(io->fd);
	case IO_ALLOCATE:
		return fallocate(io->fd, io->flags, (off_t)io->offset, (off_t)io->length);
	case IO_RECEIVE:
		return read(io->fd, io->iov[0].iov_base, io->iov[0].iov_len);
	case IO_SEND:
		return writev(io->fd, io->iov, (int)io->iov_count);
	case IO_COMMAND:
		break;
	}
	errno = EINVAL;
	return -1;
}

static int64_t io_run(struct io *io)
{
	int64_t returned, result;

	do {
		returned = io_call(io);
		if (returned < 0)
			returned = -errno;
	} while (!io_advance(io, returned, &result));
	return result;
}

/*
 * Done at once, but told later, from threads_wait(): what is told queues the next I/O, and would
 * otherwise do so ever deeper in the stack. A receive waits until there is nothing else to do.
 */
static void threads_queue(struct lane *lane, struct io *io)
{
	if (io->kind == IO_RECEIVE) {
		lane->receiving_io = io;
		return;
	}
	io->result = io_run(io);
	io->next = NULL;
	*lane->ended_last = io;
	lane->ended_last = &io->next;
}

static void threads_tell(struct lane *lane)
{
	struct io *io = lane->ended_first;

	lane->ended_first = io->next;
	if (!lane->ended_first)
		lane->ended_last = &lane->ended_first;
	io->finished(io, io->result);
}

static void threads_wait(struct lane *lane)
{
	struct io *io = lane->receiving_io;

	if (lane->ended_first) {
		threads_tell(lane);
	} else if (io) {
		lane->receiving_io = NULL;
		io->finished(io, io_run(io));
	} else if (read(lane->inbox_fd, &lane->inbox_count, sizeof(lane->inbox_count)) > 0) {
		lane_inbox(lane);
	}
}

const struct engine engine_threads = {
	.name = "threads",
	.start = threads_start,
	.stop = threads_stop,
	.queue = threads_queue,
	.wait = threads_wait,
	.deep = false,
};
