/* SPDX-License-Identifier: MIT */
/*
 * A lane is one thread with its own requests, its own descriptor of /dev/fuse and, with engine
 * io_uring, its own ring. Lanes share nothing on the way of a request but the range lock and the
 * counters of the volume.
 */
#ifndef DATA_LANE_H
#define DATA_LANE_H

#include <liburing.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "data/pace.h"
#include "data/request.h"
#include "data/transport.h"
#include "util/macros.h"

struct lanes;

struct lane {
	struct lanes *lanes;
	const struct engine *engine;
	const struct transport *transport;
	unsigned number;
	pthread_t thread;
	int start_result;

	/* Requests, and one arena with all their memory. */
	struct request *requests;
	struct request *free;
	unsigned depth; /* requests in all */
	unsigned busy;  /* requests not free */
	char *arena;
	size_t arena_bytes;

	/* Requests that another thread hands back. */
	pthread_mutex_t inbox_mutex;
	struct request *inbox;
	int inbox_fd; /* eventfd(2), readable when the inbox holds something */
	uint64_t inbox_count;

	/* Transport. */
	int fuse_fd;
	unsigned receiving; /* requests that wait for one from FUSE */
	bool watching;      /* one of them waits for /dev/fuse, on this lane's ring */
	bool ended;         /* unmounted: no more requests will come */

	/* Pace. */
	_Atomic uint64_t served; /* requests; written by this lane only */
	int cpu;                 /* that the last request came from; -1: unknown */
	unsigned place_way;      /* what the thread's affinity was set for, and for which CPU */
	int place_cpu;
	cpu_set_t anywhere; /* where that is */

	_Atomic unsigned large; /* requests of SHARE_BYTES and more that it is busy with */
	_Atomic bool full;      /* has no free request */
	_Atomic bool asleep;    /* in the engine's wait, for another lane that has work to share */

	/* Engine io_uring. */
	struct io_uring ring;
	bool ring_pinned; /* the arena of lane n is registered as buffer n */
	struct io inbox_io;
	unsigned spin_score; /* how often spinning has found something lately */
	unsigned spin_waits; /* waits without, for the next probe */

	/* Engine threads. */
	struct io *ended_first, **ended_last;
	struct io *receiving_io;
};

/* All lanes of a session, and what they have in common. */
struct lanes {
	/* Set by the caller before lanes_start(). */
	const struct engine *engine;
	const struct transport *transport;
	unsigned count; /* 0: as many as suit engine and machine */
	unsigned depth; /* requests a lane; 0 likewise */
	int fuse_fd;    /* of the session; not closed here */
	/*
	 * Takes a copy of every request but READ, WRITE, FSYNC, FALLOCATE, LSEEK, whose parts
	 * follow each other; to be replied to through transport->slow_reply() of `request`, or if
	 * that is NULL through `fuse_fd`, which is open until lanes_destroy(). 0 or negative errno.
	 */
	int (*slow)(const struct iovec *parts, unsigned count, int fuse_fd, struct request *request,
		    void *data);
	void *slow_data;

	/* Set by lanes_plan(). */
	unsigned queues;      /* of fuse-uring: one for each CPU that there may ever be */
	size_t payload_bytes; /* what one READ or WRITE carries at most */

	/* Set by lanes_start(). */
	struct lane *lanes;
	_Atomic unsigned running; /* threads; fewer than `count` if the machine allowed no more */
	uint64_t memory_bytes;    /* of all requests */
	bool memory_locked;
	sem_t started;
	_Atomic bool ended;   /* a lane has seen the end of the connection */
	_Atomic bool leaving; /* lanes_leave() */
	struct pace pace;
	/* Of transport dev: who watches /dev/fuse, or is about to. */
	_Atomic(struct lane *) watcher;
};

/*
 * Before INIT, which must tell the kernel of it: how many lanes and requests, and how large the
 * payload of one may be, so that all together stay within LANES_MEMORY_BYTES unless the caller
 * wants more of them. `possible` CPUs may ever be there, and have a queue of fuse-uring each; for
 * those `online` there are lanes. 0, or -EINVAL for more requests than LANES_REQUESTS_LIMIT.
 */
int lanes_plan(struct lanes *lanes, unsigned possible, unsigned online);

/*
 * Starts the threads; returns when they serve. 0 or negative errno, and nothing runs then: -EPERM
 * or -ENOSYS if the engine is forbidden here, -ENOMEM, -EINVAL for more requests than
 * LANES_REQUESTS_LIMIT. If the transport is a whole, lanes may run that serve nothing: they end
 * with the connection, and lanes_join() and lanes_destroy() are due.
 */
int lanes_start(struct lanes *lanes);

/*
 * Has them end now, whatever is still to be replied to: for a transport that is a whole, of which
 * not every lane could start. lanes_join() then waits for nobody.
 */
void lanes_leave(struct lanes *lanes);

/*
 * The connection has ended, for all lanes at once, as `lane` has seen. The others, which may not
 * hear of it otherwise, are woken.
 */
void lanes_end(struct lane *lane);

/* Waits until the file system is unmounted and every request of a lane has been replied to. */
void lanes_join(struct lanes *lanes);

/* After lanes_join(), when nobody replies any more. */
void lanes_destroy(struct lanes *lanes);

/* Requests of all lanes together: by default, and at most. A request takes a little over 1 MiB. */
enum {
	LANES_DEFAULT = 8,
	LANES_REQUESTS_DEFAULT = 48,
	LANES_REQUESTS_LIMIT = 1024,
	LANES_PAYLOAD_LEAST_BYTES = 32 << 10
};

/*
 * For a transport: a request of `length` bytes has arrived: `in`, its `arguments`, and the payload
 * in the buffer.
 */
void lane_received(struct request *request, const struct fuse_in_header *in, const void *arguments,
		   uint64_t length);

/* For a transport: takes a free request, or gives one back. */
struct request *lane_take(struct lane *lane);
void lane_give(struct request *request);

/* For an engine: carries on with what other threads have handed back. */
void lane_inbox(struct lane *lane);

/* CLOCK_MONOTONIC. */
uint64_t now_ns(void);

/* From any thread: makes it turn. */
void lane_wake(struct lane *lane);

/*
 * The request, which this lane has, becomes that of `to`, and goes on there: nobody here may look
 * at it any more. So it is with a request that was replied to.
 */
void lane_pass(struct request *request, struct lane *to, void (*resume)(struct request *request));

/* From any thread: `resume` will be called in the request's own lane. */
void lane_post(struct request *request, void (*resume)(struct request *request));

#endif
