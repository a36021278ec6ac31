// SPDX-License-Identifier: MIT
#include "mount/slow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "data/lane.h"
#include "mount/amend.h"
#include "util/log.h"

/* A copy of a slow request. */
struct slow {
	struct slow *next;
	int fuse_fd;             /* to reply to, */
	struct request *request; /* unless this is not NULL */
	struct fuse_in_header in;
	char arguments[];
};

/* Of a thread of the session: what it is about to reply to. */
static __thread const struct slow *current;

int slow_put(const struct iovec *parts, unsigned count, int fuse_fd, struct request *request,
	     void *data)
{
	struct slow_queue *queue = data;
	size_t length = 0;
	struct slow *slow;
	char *to;

	for (unsigned i = 0; i < count; i++)
		length += parts[i].iov_len;
	slow = malloc(sizeof(*slow) + length - sizeof(slow->in));
	if (!slow)
		return -ENOMEM;
	slow->next = NULL;
	slow->fuse_fd = fuse_fd;
	slow->request = request;
	to = (char *)&slow->in;
	for (unsigned i = 0; i < count; i++)
		to = mempcpy(to, parts[i].iov_base, parts[i].iov_len);
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
	if (queue->listening)
		pthread_join(queue->listener, NULL);
	queue->listening = false;
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
	queue->listening = false;
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

/* A reply of libfuse leaves by where its request came in. */
static ssize_t reply_write(int fd, struct iovec *iov, int count, void *userdata)
{
	struct request *request = current ? current->request : NULL;
	ssize_t length = 0;
	int r;

	/* INIT is the only one that the session replies to itself. */
	if (current)
		amend_open(&current->in, current->arguments, iov, count);
	else
		amend_init(iov, count);
	if (!request)
		return writev(current ? current->fuse_fd : fd, iov, count);
	for (int i = 0; i < count; i++)
		length += iov[i].iov_len;
	r = request->lane->transport->slow_reply(request, iov, count);
	if (r == 0)
		return length;
	errno = -r;
	return -1;
}

/*
 * With fuse-uring, FORGET and INTERRUPT still come through /dev/fuse. Nobody waits for a reply to
 * them; the thread ends with the connection.
 */
static bool listen_once(struct slow_queue *queue, char *bytes, size_t room)
{
	const struct fuse_in_header *in = (const void *)bytes;
	ssize_t length = read(queue->fuse_fd, bytes, room);
	struct iovec whole = {bytes, length > 0 ? (size_t)length : 0};

	if (length < 0 && errno != EINTR && errno != EAGAIN && errno != ENOENT) {
		if (errno != ENODEV && errno != ECONNABORTED)
			log_error("/dev/fuse: read: %s", strerror(errno));
		return false;
	}
	if (whole.iov_len >= sizeof(*in) && in->opcode != FUSE_INTERRUPT)
		slow_put(&whole, 1, queue->fuse_fd, NULL, queue);
	return true;
}

/* The kernel wants room for the largest request, whatever comes; what is not used is not there. */
static void *listen_run(void *data)
{
	struct slow_queue *queue = data;
	size_t room = FUSE_MIN_READ_BUFFER + queue->payload_bytes;
	char *bytes = malloc(room);

	pthread_setname_np(pthread_self(), "forget");
	while (bytes && listen_once(queue, bytes, room))
		;
	free(bytes);
	return NULL;
}

int slow_listen(struct slow_queue *queue, int fuse_fd, size_t payload_bytes)
{
	queue->fuse_fd = fuse_fd;
	queue->payload_bytes = payload_bytes;
	queue->listening = pthread_create(&queue->listener, NULL, listen_run, queue) == 0;
	return queue->listening ? 0 : -EAGAIN;
}

static ssize_t request_receive(int fd, void *bytes, size_t length, void *userdata)
{
	return read(fd, bytes, length);
}

const struct fuse_custom_io slow_io = {
	.read = request_receive,
	.writev = reply_write,
};
