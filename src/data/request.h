/* SPDX-License-Identifier: MIT */
/*
 * One FUSE request, from arrival to reply. Requests are made when the lanes start, with all the
 * memory they need. A large one may go on in another lane than it arrived in.
 *
 * States, and what ends each:
 *   free       in the lane's list          -> transport: receive
 *   receiving  an IO_RECEIVE is queued     -> lane_received (slow requests are copied: free)
 *   running    read.c, write.c, ... own it -> request_reply
 *   replying   an IO_SEND is queued        -> free
 */
#ifndef DATA_REQUEST_H
#define DATA_REQUEST_H

#include <linux/fuse.h>
#include <stdint.h>

#include "data/engine.h"
#include "data/range_lock.h"
#include "image/image.h"

struct lane;
struct volume;

/*
 * What one FUSE READ or WRITE carries at most, unless there are so many lanes that it is less
 * (lanes->payload_bytes); the kernel's limit without tuning is 256 pages.
 */
#define REQUEST_PAYLOAD_BYTES (1u << 20)
/* Room for the payload once it was widened to whole sectors, and those to whole blocks. */
#define REQUEST_WIDENED_BYTES (4 * IMAGE_PAGE_BYTES)
#define REQUEST_BUFFER_BYTES  (REQUEST_PAYLOAD_BYTES + REQUEST_WIDENED_BYTES)
/* Room for the blocks that one encryption sector lies in. */
#define REQUEST_EDGE_BYTES (2 * IMAGE_PAGE_BYTES)

struct request {
	struct lane *lane;
	struct request *next; /* in the lane's free list or inbox */

	/* As it arrived. */
	const struct fuse_in_header *in; /* in memory of the transport, until the reply */
	const void *arguments;           /* fuse_read_in, fuse_write_in, ..., checked for length */
	uint16_t queue;                  /* of fuse-uring */
	bool large;                      /* shared out among the lanes */
	void *slow_body;                 /* of fuse-uring: what a thread of the session replies */
	size_t slow_length;
	uint64_t received_ns;

	/* What it works on. */
	struct volume *volume;
	uint64_t offset; /* bytes in the volume */
	uint64_t at;     /* bytes in the image */
	uint64_t length; /* bytes */
	bool durable;    /* O_DSYNC, O_SYNC: reply only when the device has been flushed */
	char *buffer;    /* page-aligned, REQUEST_BUFFER_BYTES; a WRITE's payload at its start */
	char *edge;      /* page-aligned, REQUEST_EDGE_BYTES: the sector at an end of a write */
	uint64_t edge_at, edge_end; /* what it holds, in bytes of the image; the same: nothing */
	struct range range;

	/* Where it goes on. */
	void (*start)(struct request *request); /* its story */
	struct io io;
	void (*then)(struct request *request, int64_t result); /* when `io` has ended */
	void (*resume)(struct request *request);               /* from the inbox */
	void (*passed)(struct request *request);               /* in the lane it was passed to */
	void (*written)(struct request *request, int error);   /* when write_bytes() has ended */

	/* Of discard.c: bytes done so far, and whether whole pages of them become holes. */
	uint64_t zeroed;
	bool punch;

	/* The reply. */
	struct fuse_out_header out;
	union {
		struct fuse_write_out write;
		struct fuse_lseek_out lseek;
	} body;
};

/* The stories. Each ends in one request_reply(). */
void read_start(struct request *request);
void write_start(struct request *request);
void flush_start(struct request *request);
void discard_start(struct request *request);
void seek_start(struct request *request);

/*
 * Writes request->length bytes from request->buffer to request->at of the image, whatever their
 * alignment, under the range lock; then calls `written` with 0 or a negative errno. The buffer's
 * contents are lost.
 */
void write_bytes(struct request *request, void (*written)(struct request *request, int error));

/*
 * Replies, counts, and frees the request. `error` is 0 or a negative errno; `length` bytes at
 * `body`, which is in the request or its buffer, follow the header.
 */
void request_reply(struct request *request, int error, const void *body, uint32_t length);

/* Disk I/O on the image of the request's volume; `then` gets the result of `struct io`. */
void request_read(struct request *request, void *bytes, uint64_t length, uint64_t at,
		  void (*then)(struct request *request, int64_t result));
void request_write(struct request *request, int fd, void *bytes, uint64_t length, uint64_t at,
		   bool durable, void (*then)(struct request *request, int64_t result));
void request_flush(struct request *request, void (*then)(struct request *request, int64_t result));
void request_allocate(struct request *request, int mode, uint64_t at, uint64_t length,
		      void (*then)(struct request *request, int64_t result));

#endif
