/* SPDX-License-Identifier: MIT */
/*
 * An engine carries out the I/O of a lane: to the disk, and to and from FUSE. There are two,
 * io_uring and threads; the code above them is the same.
 */
#ifndef DATA_ENGINE_H
#define DATA_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct lane;

enum io_kind {
	IO_READ,     /* iov[0] from `offset` */
	IO_WRITE,    /* iov[0] to `offset`; flags: RWF_DSYNC or 0 */
	IO_FLUSH,    /* fdatasync(2) */
	IO_ALLOCATE, /* fallocate(2) of `length` bytes; flags: FALLOC_FL_* */
	IO_RECEIVE,  /* one request of /dev/fuse into iov[0], when there is one */
	IO_SEND,     /* one reply to /dev/fuse from iov[0..1] */
	IO_COMMAND,  /* of fuse-uring: flags, the command; length, the queue; offset, the commit ID;
		      * iov[0..1], header and payload. Engine io_uring only */
};

/* One I/O. The owner keeps it, and what it points to, until `finished` is called. */
struct io {
	enum io_kind kind;
	int fd;
	int flags;
	unsigned iov_count;
	struct iovec iov[2];
	uint64_t offset; /* bytes */
	uint64_t length; /* bytes, IO_ALLOCATE only */
	uint64_t done;   /* bytes so far, IO_READ and IO_WRITE */
	int64_t result;  /* for the engine */

	/*
	 * Called once, in the lane's thread, from engine->wait(). `result` is negative errno, or:
	 * IO_READ the bytes read, fewer than asked only at the end of the file; IO_WRITE all bytes,
	 * never fewer; IO_RECEIVE the bytes received; otherwise 0.
	 */
	void (*finished)(struct io *io, int64_t result);
	struct io *next; /* for the engine */
};

struct engine {
	const char *name;
	/* In the lane's own thread. start: 0, or negative errno (-EPERM, -ENOSYS: forbidden here).
	 */
	int (*start)(struct lane *lane);
	void (*stop)(struct lane *lane);
	/* Never fails: an error is the result of the I/O. */
	void (*queue)(struct lane *lane, struct io *io);
	/*
	 * Starts all that is queued, waits until at least one I/O has ended or the inbox of the
	 * lane holds something, and calls `finished` for all that ended.
	 */
	void (*wait)(struct lane *lane);
	/* Whether a lane can have several I/Os in flight; if not, a lane has one request. */
	bool deep;
};

/* Whether a ring that takes IO_COMMAND can be made here: 0 or negative errno. */
int engine_uring_probe(void);

extern const struct engine engine_uring;
extern const struct engine engine_threads;

/*
 * What one system call returned for `io`. True: the I/O has ended, and *ret_result is what
 * `finished` gets. False: a part was done, or it was interrupted; do the rest, which
 * io_remaining() describes.
 */
bool io_advance(struct io *io, int64_t returned, int64_t *ret_result);

/* What is left of IO_READ or IO_WRITE; *ret_offset is where it goes. */
struct iovec io_remaining(const struct io *io, uint64_t *ret_offset);

#endif
