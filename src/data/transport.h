/* SPDX-License-Identifier: MIT */
/* A transport brings FUSE requests to a lane and takes the replies away. */
#ifndef DATA_TRANSPORT_H
#define DATA_TRANSPORT_H

#include <stddef.h>

struct lane;
struct request;

struct transport {
	const char *name;
	/* Bytes of arena a request needs before its buffer, a multiple of a page. */
	size_t headroom_bytes;
	/* In the lane's thread, after the engine has started. 0 or negative errno. */
	int (*start)(struct lane *lane);
	void (*stop)(struct lane *lane);
	/* Once a turn of the lane: queues receives for free requests. */
	void (*receive)(struct lane *lane);
	/* Sends request->out and the body; ends in lane_give(). */
	void (*reply)(struct request *request, const void *body, size_t length);
};

extern const struct transport transport_dev;

#endif
