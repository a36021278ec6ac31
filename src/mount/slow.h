/* SPDX-License-Identifier: MIT */
/*
 * Slow requests: everything but READ, WRITE, FSYNC, FALLOCATE, LSEEK. Copies of them go from the
 * lanes to the session's threads, and through libfuse to the namespace. There are a few threads,
 * since an open may flush and scan a large image, and others should not wait for it.
 */
#ifndef MOUNT_SLOW_H
#define MOUNT_SLOW_H

#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>

#include <fuse_lowlevel.h>

enum {
	SLOW_THREADS = 4
};

struct request;
struct slow;

struct slow_queue {
	struct fuse_session *fuse;
	pthread_t threads[SLOW_THREADS];
	unsigned thread_count;
	pthread_mutex_t mutex;
	pthread_cond_t arrived;
	struct slow *first, **last;
	bool ending;

	int fuse_fd;
	size_t payload_bytes;
	pthread_t listener;
	bool listening;
};

/* 0 or negative errno, and no thread runs then. */
int slow_start(struct slow_queue *queue, struct fuse_session *fuse);

/* When the lanes have ended, so that no more will come: does what is left. */
void slow_stop(struct slow_queue *queue);

/*
 * Takes a copy of a request in parts; what comes of it is replied to through the transport of
 * `request`, or if that is NULL through `fuse_fd`. `data` is the queue. 0 or -ENOMEM.
 */
int slow_put(const struct iovec *parts, unsigned count, int fuse_fd, struct request *request,
	     void *data);

/*
 * A thread that takes what comes through /dev/fuse beside the lanes, until the connection ends. 0
 * or negative errno. Before slow_stop(), which waits for it.
 */
int slow_listen(struct slow_queue *queue, int fuse_fd, size_t payload_bytes);

/* How libfuse replies: to where the request came from. For fuse_session_custom_io(3). */
extern const struct fuse_custom_io slow_io;

#endif
