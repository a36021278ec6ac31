// SPDX-License-Identifier: MIT
/*
 * Engine io_uring: the lane's one ring carries FUSE requests in, disk I/O out and replies back, so
 * that one io_uring_enter(2) does a whole batch of each.
 *
 * /dev/fuse is read after a poll on the same ring, as a linked pair, and is non-blocking: a lane
 * that another one beat to a request gets -EAGAIN. A blocking read could stall in the submission,
 * with replies of this lane behind it, until somebody sends the next request: perhaps never.
 *
 * A lane that watches /dev/fuse spins for a while before it sleeps, as long as that pays: a client
 * with one request at a time sends the next one sooner than a sleeping lane is woken on another
 * CPU. When nothing comes, it sleeps, and tries spinning again at one in SPIN_PROBE waits.
 */
#include "data/engine.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "data/fuse_uring_abi.h"
#include "data/lane.h"
#include "util/log.h"

enum {
	SPIN_NS = 60000, /* how long */
	SPIN_SCORE_MOST = 8,
	SPIN_PROBE = 16
};

/* The poll of a linked pair; its completion says nothing that the read does not. */
#define USER_DATA_POLL 0

/* From the newest kernels to the oldest: 6.1, 5.19, and whatever has io_uring. */
static int ring_make(struct io_uring *ring, unsigned entries, unsigned more_flags)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
		0,
	};
	int r = -EINVAL;

	for (size_t i = 0; i < ARRAY_LENGTH(flags) && r == -EINVAL; i++)
		r = io_uring_queue_init(entries, ring, flags[i] | more_flags);
	return r;
}

/* Commands of fuse-uring lie in the second half of an entry. */
static int ring_init(struct lane *lane)
{
	return ring_make(&lane->ring, 4 * lane->depth + 8,
			 lane->transport->commands ? IORING_SETUP_SQE128 : 0);
}

int engine_uring_probe(void)
{
	struct io_uring ring;
	int r = ring_make(&ring, 8, IORING_SETUP_SQE128);

	if (r == 0)
		io_uring_queue_exit(&ring);
	return r;
}

/*
 * Buffers are pinned once instead of for each request: those of all lanes, whose requests may be
 * passed to this one. Where that is not allowed (RLIMIT_MEMLOCK), the same works without.
 */
static void ring_register(struct lane *lane)
{
	const struct lanes *lanes = lane->lanes;
	_cleanup_free_ struct iovec *arenas = calloc(lanes->count, sizeof(*arenas));

	for (unsigned i = 0; arenas && i < lanes->count; i++)
		arenas[i] = (struct iovec){lanes->lanes[i].arena, lanes->lanes[i].arena_bytes};
	lane->ring_pinned = arenas &&
			    io_uring_register_buffers(&lane->ring, arenas, lanes->count) == 0;
}

/* Reads of the inbox's eventfd are I/O like any other; there is always one waiting. */
static void inbox_finished(struct io *io, int64_t result)
{
	struct lane *lane = CONTAINER_OF(io, struct lane, inbox_io);

	lane_inbox(lane);
	io->done = 0;
	engine_uring.queue(lane, io);
}

static int uring_start(struct lane *lane)
{
	int r = ring_init(lane);

	if (r < 0)
		return r;
	ring_register(lane);
	lane->inbox_io = (struct io){
		.kind = IO_READ,
		.fd = lane->inbox_fd,
		.iov_count = 1,
		.iov = {{&lane->inbox_count, sizeof(lane->inbox_count)}},
		.finished = inbox_finished,
	};
	engine_uring.queue(lane, &lane->inbox_io);
	return 0;
}

static void uring_stop(struct lane *lane)
{
	io_uring_queue_exit(&lane->ring);
}

/* Makes room for `count` entries that must be submitted together. */
static void ring_reserve(struct lane *lane, unsigned count)
{
	while (io_uring_sq_space_left(&lane->ring) < count)
		io_uring_submit(&lane->ring);
}

static bool arena_holds(const struct lane *lane, const char *bytes)
{
	return bytes >= lane->arena && bytes < lane->arena + lane->arena_bytes;
}

/* The number of the lane whose arena it lies in, most often this one's; -1: of none. */
static int arena_of(const struct lane *lane, const char *bytes)
{
	const struct lanes *lanes = lane->lanes;

	if (arena_holds(lane, bytes))
		return (int)lane->number;
	for (unsigned i = 0; i < lanes->count; i++)
		if (arena_holds(&lanes->lanes[i], bytes))
			return (int)i;
	return -1;
}

static void queue_transfer(struct lane *lane, struct io_uring_sqe *sqe, struct io *io)
{
	uint64_t offset;
	struct iovec rest = io_remaining(io, &offset);
	unsigned length = (unsigned)rest.iov_len;
	int arena = lane->ring_pinned ? arena_of(lane, rest.iov_base) : -1;

	if (io->kind == IO_READ && arena >= 0)
		io_uring_prep_read_fixed(sqe, io->fd, rest.iov_base, length, offset, arena);
	else if (io->kind == IO_READ)
		io_uring_prep_read(sqe, io->fd, rest.iov_base, length, offset);
	else if (arena >= 0)
		io_uring_prep_write_fixed(sqe, io->fd, rest.iov_base, length, offset, arena);
	else
		io_uring_prep_write(sqe, io->fd, rest.iov_base, length, offset);
	sqe->rw_flags = io->flags;
}

static void queue_receive(struct lane *lane, struct io *io)
{
	struct io_uring_sqe *sqe;

	sqe = io_uring_get_sqe(&lane->ring);
	io_uring_prep_poll_add(sqe, io->fd, POLLIN | EPOLLEXCLUSIVE);
	io_uring_sqe_set_data64(sqe, USER_DATA_POLL);
	sqe->flags |= IOSQE_IO_LINK;
	sqe = io_uring_get_sqe(&lane->ring);
	io_uring_prep_read(sqe, io->fd, io->iov[0].iov_base, (unsigned)io->iov[0].iov_len, 0);
	io_uring_sqe_set_data(sqe, io);
}

static void prepare_command(struct io_uring_sqe *sqe, struct io *io)
{
	struct fuse_uring_command command = {.commit_id = io->offset,
					     .queue = (uint16_t)io->length};

	memset(sqe, 0, 2 * sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = io->fd;
	sqe->cmd_op = (uint32_t)io->flags;
	if (io->flags == FUSE_URING_REGISTER) {
		sqe->addr = (uintptr_t)io->iov;
		sqe->len = io->iov_count;
	}
	memcpy(sqe->cmd, &command, sizeof(command));
}

static void uring_queue(struct lane *lane, struct io *io)
{
	struct io_uring_sqe *sqe;

	ring_reserve(lane, 2);
	if (io->kind == IO_RECEIVE) {
		queue_receive(lane, io);
		return;
	}
	sqe = io_uring_get_sqe(&lane->ring);
	if (io->kind == IO_FLUSH)
		io_uring_prep_fsync(sqe, io->fd, IORING_FSYNC_DATASYNC);
	else if (io->kind == IO_ALLOCATE)
		io_uring_prep_fallocate(sqe, io->fd, io->flags, (off_t)io->offset,
					(off_t)io->length);
	else if (io->kind == IO_COMMAND)
		prepare_command(sqe, io);
	else if (io->kind == IO_SEND)
		io_uring_prep_writev(sqe, io->fd, io->iov, io->iov_count, 0);
	else
		queue_transfer(lane, sqe, io);
	io_uring_sqe_set_data(sqe, io);
}

static void uring_completed(struct lane *lane, const struct io_uring_cqe *cqe)
{
	struct io *io = io_uring_cqe_get_data(cqe);
	int64_t result;

	if (!io)
		return;
	if (io_advance(io, cqe->res, &result))
		io->finished(io, result);
	else
		uring_queue(lane, io);
}

/* A lane to which nothing comes does not look for it. */
static bool spin_pays(struct lane *lane)
{
	return lane->watching && lane->lanes->pace.way & PACE_SPIN &&
	       (lane->spin_score > 0 || ++lane->spin_waits % SPIN_PROBE == 0);
}

/* Work of the kernel for this ring waits until we enter it; a flag in the ring says so. */
static bool ring_has_work(struct io_uring *ring)
{
	return __atomic_load_n(ring->sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_TASKRUN;
}

/*
 * Looks for completions for a while, and lets whoever wants the CPU have it. Whether one came in
 * that while: if we were let run again only later, somebody has much to do, and a lane that sleeps
 * would have been woken sooner.
 */
static bool ring_spin(struct lane *lane)
{
	uint64_t until = now_ns() + SPIN_NS;

	while (!io_uring_cq_ready(&lane->ring) && now_ns() < until) {
		if (ring_has_work(&lane->ring))
			io_uring_get_events(&lane->ring);
		else
			sched_yield();
	}
	if (now_ns() < until)
		lane->spin_score += lane->spin_score < SPIN_SCORE_MOST;
	else
		lane->spin_score /= 2;
	return io_uring_cq_ready(&lane->ring) > 0;
}

static int ring_submit(struct lane *lane)
{
	int r;

	if (spin_pays(lane)) {
		r = io_uring_submit_and_get_events(&lane->ring);
		if (ring_spin(lane))
			return r;
	}
	lane->asleep = true;
	r = io_uring_submit_and_wait(&lane->ring, 1);
	lane->asleep = false;
	return r;
}

static void uring_wait(struct lane *lane)
{
	struct io_uring_cqe *cqe;
	unsigned head, count = 0;
	int r = ring_submit(lane);

	if (r < 0 && r != -EINTR && r != -EAGAIN && r != -EBUSY)
		log_error("io_uring: %s", strerror(-r));
	io_uring_for_each_cqe(&lane->ring, head, cqe)
	{
		uring_completed(lane, cqe);
		count++;
	}
	io_uring_cq_advance(&lane->ring, count);
}

const struct engine engine_uring = {
	.name = "io_uring",
	.start = uring_start,
	.stop = uring_stop,
	.queue = uring_queue,
	.wait = uring_wait,
	.deep = true,
};
