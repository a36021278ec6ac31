// SPDX-License-Identifier: MIT
#include "mount/control_growth.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "crypt/unlock.h"
#include "image/resize.h"
#include "mount/control.h"
#include "mount/control_socket.h"
#include "mount/namespace.h"
#include "mount/naming.h"
#include "mount/node.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

enum {
	PROGRESS_MS = 100
};

/* One client's wish, in a thread of its own. */
struct growth {
	struct control *control;
	int client;
	char name[CONTROL_WORD_BYTES];
	uint64_t image_device, image_inode; /* which file it must be */
	uint64_t to_bytes;
	bool noise;
	uint64_t told_ms; /* when the client was last told how far it is */
	char reason[UNLOCK_REASON_BYTES];
};

static int refuse(struct growth *growth, int error, const char *reason)
{
	snprintf(growth->reason, sizeof(growth->reason), "%s", reason ? reason : strerror(-error));
	return error;
}

/* As the volume was opened. */
static struct volume_options options_of(const struct names *names, const struct node *node)
{
	const struct part part = node_part(node);
	struct volume_options options = part_volume(names, &part);

	options.key = node->volume.sectors ? node->key : NULL;
	return options;
}

static int check_sizes(struct growth *growth, const struct node *node,
		       const struct volume_options *options)
{
	const struct image *image = &node->volume.image;
	const char *reason = NULL;
	uint64_t size_bytes;
	int r;

	if (growth->to_bytes < image->size_bytes)
		return refuse(growth, -EINVAL, "in use: it shrinks only when nobody has it open");
	if (image->size_bytes % image->block_bytes != 0)
		return refuse(growth, -EINVAL,
			      "in use, and its size is not whole blocks: it grows only when nobody "
			      "has it open");
	if (growth->to_bytes % image->block_bytes != 0) {
		snprintf(growth->reason, sizeof(growth->reason),
			 "in use: its new size must be whole blocks of %u bytes",
			 image->block_bytes);
		return -EINVAL;
	}
	r = volume_size(options, growth->to_bytes, &size_bytes, &reason);
	if (r == 0 && size_bytes <= node->volume.size_bytes) {
		reason = "its header, or length=, says how long the volume is";
		r = -EINVAL;
	}
	return r < 0 ? refuse(growth, r, reason) : 0;
}

/* What could not be used afterwards is refused before it is written. */
static int check_growth(struct growth *growth, const struct node *node,
			const struct volume_options *options)
{
	const struct image *image = &node->volume.image;
	const char *reason = NULL;
	int r;

	if (image->device != growth->image_device || image->inode != growth->image_inode)
		return refuse(growth, -ESTALE, "its name means another file by now");
	if (image->read_only)
		return refuse(growth, -EROFS, "it is served read-only");
	if (node->partition.number)
		return refuse(growth, -EOPNOTSUPP,
			      "a partition of it is open: it grows only when nobody has one open");
	/* Who writes past the daemon, and past the end, would write what is being made. */
	if (node->backing_id)
		return refuse(growth, -EOPNOTSUPP,
			      "served with passthrough: it grows only when nobody has it open");
	r = image_verify(image, &reason);
	if (r < 0)
		return refuse(growth, r, reason);
	return growth->to_bytes == image->size_bytes ? 0 : check_sizes(growth, node, options);
}

/* Extending --------------------------------------------------------------- */

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One line at a time: to a client that stands still, the answer must still get through. */
static void progress_tell(struct growth *growth, uint64_t done_bytes)
{
	uint64_t now_ms = clock_ms();
	char text[48];
	int unread;

	if (now_ms - growth->told_ms < PROGRESS_MS ||
	    ioctl(growth->client, SIOCOUTQ, &unread) < 0 || unread > 0)
		return;
	growth->told_ms = now_ms;
	snprintf(text, sizeof(text), "progress %" PRIu64 "\n", done_bytes);
	if (send(growth->client, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_line(LOG_DEBUG, "who resizes does not listen: %s", strerror(errno));
}

/* A fill_watch. */
static int growth_watch(void *context, uint64_t done_bytes)
{
	struct growth *growth = context;
	struct pollfd client = {.fd = growth->client, .events = POLLRDHUP};

	if (growth->control->growth_over)
		return -ESHUTDOWN;
	if (poll(&client, 1, 0) > 0)
		return -EINTR;
	progress_tell(growth, done_bytes);
	return 0;
}

static const char *error_reason(int error)
{
	switch (error) {
	case -ENOSPC:
	case -EDQUOT:
		return "not enough free space on its filesystem: the image has its old size";
	case -EINTR:
		return "interrupted: the image has its old size";
	case -ESHUTDOWN:
		return "its mount ends: the image has its old size";
	default:
		return NULL;
	}
}

/* Cancelled to the last moment; from then on it is longer, whoever still listens. */
static int publish(struct growth *growth, struct node *node, const struct volume_options *options)
{
	const char *reason = NULL;
	int r = growth_watch(growth, growth->to_bytes - node->volume.image.size_bytes);

	if (r < 0)
		return refuse(growth, r, error_reason(r));
	pthread_mutex_lock(&node->mutex);
	r = volume_grow(&node->volume, options, &reason);
	pthread_mutex_unlock(&node->mutex);
	return r < 0 ? refuse(growth, r, reason) : 0;
}

static int cut_back(struct growth *growth, struct node *node)
{
	int r = image_not_grown(&node->volume.image);

	if (r == 0)
		return 0;
	log_error("%s: cannot be cut back to its size: %s", node->name, strerror(-r));
	return refuse(growth, r,
		      "it failed to grow, and then to be cut back: the image is longer "
		      "than its volume; resize it once more");
}

/* Whatever is longer than the volume, is ours: an image that failed to be cut back. */
static int extend(struct growth *growth, struct node *node, const struct volume_options *options)
{
	struct image *image = &node->volume.image;
	const struct resize_request request = {
		.to_bytes = growth->to_bytes,
		.noise = growth->noise || node->volume.sectors,
		.watch = growth_watch,
		.watch_context = growth,
	};
	int r = image->growing_to_bytes ? cut_back(growth, node) : 0;

	if (r < 0 || growth->to_bytes == image->size_bytes)
		return r;
	image_growing(image, growth->to_bytes);
	r = image_extend(image, &request);
	if (r < 0)
		refuse(growth, r, error_reason(r));
	else
		r = publish(growth, node, options);
	if (r < 0)
		cut_back(growth, node);
	return r;
}

/* Under the mutex only to begin and to end: others open and close it meanwhile. */
static int grow_node(struct growth *growth, struct node *node)
{
	const struct names *names = &growth->control->session->names;
	struct volume_options options;
	int r = -EBUSY;

	pthread_mutex_lock(&node->mutex);
	if (!node->growing) {
		/* Its key stays as long as it is open. */
		options = options_of(names, node);
		r = check_growth(growth, node, &options);
		node->growing = r == 0;
	}
	pthread_mutex_unlock(&node->mutex);
	if (r < 0)
		return r;
	r = extend(growth, node, &options);
	pthread_mutex_lock(&node->mutex);
	node->growing = false;
	pthread_mutex_unlock(&node->mutex);
	return r;
}

static int grow(struct growth *growth)
{
	struct names *names = &growth->control->session->names;
	struct naming room;
	struct stat attributes;
	struct node *node;
	int r = node_find(names, naming_image(names, growth->name, &room), 1, &node, &attributes);

	if (r < 0)
		return refuse(growth, r, NULL);
	r = node_hold(names, node);
	if (r < 0) {
		refuse(growth, r, "not open any more");
	} else {
		r = grow_node(growth, node);
		node_close(names, node);
	}
	node_forget(names, node, 1);
	return r;
}

/* The thread -------------------------------------------------------------- */

static void reply(const struct growth *growth, int result)
{
	char text[UNLOCK_REASON_BYTES + 16];

	if (result == 0)
		snprintf(text, sizeof(text), "ok\n");
	else if (result == -EBUSY)
		snprintf(text, sizeof(text), "busy\n");
	else
		snprintf(text, sizeof(text), "failed %s\n", growth->reason);
	if (send(growth->client, text, strlen(text), MSG_NOSIGNAL) < 0)
		log_line(LOG_DEBUG, "who resizes is gone: %s", strerror(errno));
	close(growth->client);
}

static void *growth_run(void *data)
{
	struct growth *growth = data;
	struct control *control = growth->control;

	pthread_setname_np(pthread_self(), "grow");
	reply(growth, grow(growth));
	free(growth);
	pthread_mutex_lock(&control->growth_mutex);
	control->growing--;
	pthread_cond_signal(&control->growth_done);
	pthread_mutex_unlock(&control->growth_mutex);
	return NULL;
}

static int growth_begin(struct growth *growth)
{
	struct control *control = growth->control;
	pthread_attr_t attributes;
	pthread_t thread;
	int r = -ESHUTDOWN;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 512 * KIB);
	pthread_mutex_lock(&control->growth_mutex);
	/* Asked under the mutex: who waits for the end counts all that have begun. */
	if (!control->growth_over)
		r = -pthread_create(&thread, &attributes, growth_run, growth);
	control->growing += r == 0;
	pthread_mutex_unlock(&control->growth_mutex);
	pthread_attr_destroy(&attributes);
	return r;
}

static struct growth *growth_parse(const char *word)
{
	struct growth *growth = calloc(1, sizeof(*growth));
	char verb[12];
	int name = 0;

	if (!growth)
		return NULL;
	if (sscanf(word, "%11s %" SCNu64 " %" SCNu64 ":%" SCNu64 "%n", verb, &growth->to_bytes,
		   &growth->image_device, &growth->image_inode, &name) != 4 ||
	    word[name] != ' ' || growth->to_bytes == 0 || growth->to_bytes > INT64_MAX) {
		free(growth);
		return NULL;
	}
	growth->noise = strcmp(verb, "grow-noise") == 0;
	snprintf(growth->name, sizeof(growth->name), "%s", word + name + 1);
	return growth;
}

bool control_growth_answer(struct control *control, int client, const char *word)
{
	struct growth *growth;
	int r;

	if (strncmp(word, "grow ", 5) != 0 && strncmp(word, "grow-noise ", 11) != 0)
		return false;
	growth = growth_parse(word);
	if (!growth) {
		close(client);
		return true;
	}
	growth->control = control;
	growth->client = client;
	r = growth_begin(growth);
	if (r < 0) {
		refuse(growth, r, error_reason(r));
		reply(growth, r);
		free(growth);
	}
	return true;
}

void control_growth_start(struct control *control)
{
	pthread_mutex_init(&control->growth_mutex, NULL);
	pthread_cond_init(&control->growth_done, NULL);
	/* A limit on file sizes is an error like others, not the end. */
	signal(SIGXFSZ, SIG_IGN);
}

void control_growth_cancel(struct control *control)
{
	control->growth_over = true;
}

void control_growth_stop(struct control *control)
{
	pthread_mutex_lock(&control->growth_mutex);
	control->growth_over = true;
	while (control->growing > 0)
		pthread_cond_wait(&control->growth_done, &control->growth_mutex);
	pthread_mutex_unlock(&control->growth_mutex);
}
