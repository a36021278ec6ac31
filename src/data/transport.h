/* SPDX-License-Identifier: MIT */
/* A transport brings FUSE requests to a lane and takes the replies away. */
#ifndef DATA_TRANSPORT_H
#define DATA_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

struct lane;
struct request;

struct transport {
	const char *name;
	/* Bytes of arena a request needs before its buffer, a multiple of a page. */
	size_t headroom_bytes;
	bool commands; /* speaks IO_COMMAND, which takes engine io_uring */
	bool whole;    /* serves nothing before every lane has started */
	bool movable; /* any lane can reply to a request, and then gets the next one in its place */
	/* In the lane's thread, after the engine has started. 0 or negative errno. */
	int (*start)(struct lane *lane);
	void (*stop)(struct lane *lane);
	/* Once a turn of the lane: queues receives for free requests. */
	void (*receive)(struct lane *lane);
	/* Sends request->out and the body; ends in lane_give(). */
	void (*reply)(struct request *request, const void *body, size_t length);
	/* Hands a slow request to lanes->slow. 0 or negative errno, and it is still the lane's. */
	int (*slow)(struct request *request);
	/*
	 * From a thread of the session, once: the reply to a slow request that was handed over with
	 * itself, whole, its header first. NULL if requests are not handed over.
	 */
	int (*slow_reply)(struct request *request, const struct iovec *iov, int count);
};

extern const struct transport transport_dev, transport_uring;

#endif
