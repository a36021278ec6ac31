// SPDX-License-Identifier: MIT
#include "mount/slow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* A copy of a slow request. */
struct slow {
	struct slow *next;
	int fuse_fd; /* to reply to */
	struct fuse_in_header in;
	char arguments[];
};

/* Of a thread of the session: what it is about to reply to. */
static __thread const struct slow *current;

int slow_put(const struct fuse_in_header *in, int fuse_fd, void *data)
{
	struct slow_queue *queue = data;
	struct slow *slow = malloc(sizeof(*slow) + in->len - sizeof(*in));

	if (!slow)
		return -ENOMEM;
	slow->next = NULL;
	slow->fuse_fd = fuse_fd;
	memcpy(&slow->in, in, in->len);
	pthread_mutex_lock(&queue->mutex);
	*queue->last = slow;
	queue->last = &slow->next;
	pthread_cond_signal(&queue->arrived);
	pthread_mutex_unlock(&queue->mutex);
	return 0;
}

static struct slow *slow_take(struct slow_queue *queue)
{
	struct slow *slow;

	pthread_mutex_lock(&queue->mutex);
	while (!queue->first && !queue->ending)
		pthread_cond_wait(&queue->arrived, &queue->mutex);
	slow = queue->first;
	if (slow)
		queue->first = slow->next;
	if (!queue->first)
		queue->last = &queue->first;
	pthread_mutex_unlock(&queue->mutex);
	return slow;
}

static void *slow_run(void *data)
{
	struct slow_queue *queue = data;
	struct slow *slow;

	pthread_setname_np(pthread_self(), "session");
	while ((slow = slow_take(queue))) {
		struct fuse_buf buffer = {.mem = &slow->in, .size = slow->in.len};

		current = slow;
		fuse_session_process_buf(queue->fuse, &buffer);
		current = NULL;
		free(slow);
	}
	return NULL;
}

/* When the lanes have ended, so that no more will come: does what is left. */
void slow_stop(struct slow_queue *queue)
{
	pthread_mutex_lock(&queue->mutex);
	queue->ending = true;
	pthread_cond_broadcast(&queue->arrived);
	pthread_mutex_unlock(&queue->mutex);
	for (unsigned i = 0; i < queue->thread_count; i++)
		pthread_join(queue->threads[i], NULL);
	pthread_mutex_destroy(&queue->mutex);
	pthread_cond_destroy(&queue->arrived);
}

int slow_start(struct slow_queue *queue, struct fuse_session *fuse)
{
	int r = 0;

	queue->fuse = fuse;
	pthread_mutex_init(&queue->mutex, NULL);
	pthread_cond_init(&queue->arrived, NULL);
	queue->first = NULL;
	queue->last = &queue->first;
	queue->ending = false;
	for (queue->thread_count = 0; queue->thread_count < SLOW_THREADS && r == 0;
	     queue->thread_count += r == 0)
		r = -pthread_create(&queue->threads[queue->thread_count], NULL, slow_run, queue);
	if (r < 0)
		slow_stop(queue);
	return r;
}

/*
 * libfuse 3.14 cannot say FOPEN_PARALLEL_DIRECT_WRITES, which lets several writes be in flight to
 * one file: added to the reply to OPEN on its way out.
 */
static void reply_amend(const struct slow *slow, struct iovec *iov, int count)
{
	struct fuse_open_out *out;

	if (!slow || slow->in.opcode != FUSE_OPEN || count < 2 || iov[1].iov_len < sizeof(*out))
		return;
	out = iov[1].iov_base;
	out->open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
}

/* A reply of libfuse leaves by the descriptor that its request came in by. */
static ssize_t reply_write(int fd, struct iovec *iov, int count, void *userdata)
{
	reply_amend(current, iov, count);
	return writev(current ? current->fuse_fd : fd, iov, count);
}

static ssize_t request_receive(int fd, void *bytes, size_t length, void *userdata)
{
	return read(fd, bytes, length);
}

const struct fuse_custom_io slow_io = {
	.read = request_receive,
	.writev = reply_write,
};
