// SPDX-License-Identifier: MIT
#include "mount/sharing.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "mount/namespace.h"
#include "mount/node.h"
#include "util/macros.h"

struct sharing {
	dev_t device; /* identity of the image */
	ino_t inode;
	unsigned users; /* under the mutex of the namespace: who opens or has it open */
	struct sharing *next;

	pthread_mutex_t mutex; /* one opens or closes at a time, which may take long */
	struct image image;    /* open if there are nodes */
	struct node *nodes;    /* that have it open, by node->beside */
};

/* The image's, made if there is none. */
static struct sharing *sharing_get(struct names *names, const struct node *node)
{
	struct sharing *sharing;

	pthread_mutex_lock(&names->mutex);
	for (sharing = names->sharings; sharing; sharing = sharing->next)
		if (sharing->device == node->device && sharing->inode == node->inode)
			break;
	if (!sharing && (sharing = calloc(1, sizeof(*sharing)))) {
		sharing->device = node->device;
		sharing->inode = node->inode;
		pthread_mutex_init(&sharing->mutex, NULL);
		sharing->next = names->sharings;
		names->sharings = sharing;
	}
	if (sharing)
		sharing->users++;
	pthread_mutex_unlock(&names->mutex);
	return sharing;
}

static void sharing_put(struct names *names, struct sharing *sharing)
{
	struct sharing **at = &names->sharings;
	bool unused;

	pthread_mutex_lock(&names->mutex);
	unused = --sharing->users == 0;
	while (unused && *at != sharing)
		at = &(*at)->next;
	if (unused)
		*at = sharing->next;
	pthread_mutex_unlock(&names->mutex);
	if (!unused)
		return;
	pthread_mutex_destroy(&sharing->mutex);
	free(sharing);
}

/* What may be written for its sake: whole blocks, and an odd end of the image as one. */
static void blocks_of(const struct image *image, const struct node *node, uint64_t *ret_start,
		      uint64_t *ret_end)
{
	const struct partition *partition = &node->partition;
	const uint64_t end = partition->start_bytes + partition->length_bytes;

	*ret_start = min_u64(round_down(partition->start_bytes, image->block_bytes),
			     image->direct_end_bytes);
	*ret_end = end > image->direct_end_bytes ? UINT64_MAX : round_up(end, image->block_bytes);
}

static bool blocks_in_common(const struct image *image, const struct node *a, const struct node *b)
{
	uint64_t a_start, a_end, b_start, b_end;

	blocks_of(image, a, &a_start, &a_end);
	blocks_of(image, b, &b_start, &b_end);
	return a_start < b_end && b_start < a_end;
}

/* Those that only read get along. */
static bool is_in_the_way(const struct sharing *sharing, const struct node *node, bool reads)
{
	for (const struct node *other = sharing->nodes; other; other = other->beside)
		if (!(reads && other->volume.image.read_only) &&
		    blocks_in_common(&sharing->image, node, other))
			return true;
	return false;
}

static int open_first(struct names *names, struct sharing *sharing, const struct node *node,
		      bool read_only, const char **ret_reason)
{
	const struct part part = node_part(node);
	const struct part_image file = part_image(&part);
	const struct part whole = {.name = file.name};
	/* As the image has it: a partition that is read-only must not keep others from writing. */
	const bool reads = read_only || part_options(names, &whole)->volume.read_only;
	int r = image_open(names->folder_fd, file.name, reads ? IMAGE_READ_ONLY : 0,
			   &sharing->image, ret_reason);

	if (r < 0)
		return r;
	if (sharing->image.device == sharing->device && sharing->image.inode == sharing->inode)
		return 0;
	image_close(&sharing->image);
	return -ESTALE;
}

static int share(struct names *names, struct sharing *sharing, struct node *node,
		 const char **ret_reason)
{
	const struct part part = node_part(node);
	const bool reads = sharing->image.read_only || part_volume(names, &part).read_only;
	struct image *image = &node->volume.image;
	int r;

	if (is_in_the_way(sharing, node, reads)) {
		*ret_reason = "a partition that is open has a block of the disk in common with it";
		return -EBUSY;
	}
	r = image_share(&sharing->image, image);
	if (r < 0)
		return r;
	image->read_only = reads;
	node->beside = sharing->nodes;
	sharing->nodes = node;
	node->sharing = sharing;
	return 0;
}

int sharing_open(struct names *names, struct node *node, bool read_only, const char **ret_reason)
{
	struct sharing *sharing = sharing_get(names, node);
	int r = 0;

	if (!sharing)
		return -ENOMEM;
	pthread_mutex_lock(&sharing->mutex);
	if (!sharing->nodes)
		r = open_first(names, sharing, node, read_only, ret_reason);
	if (r == 0) {
		r = share(names, sharing, node, ret_reason);
		if (r < 0 && !sharing->nodes)
			image_close(&sharing->image);
	}
	pthread_mutex_unlock(&sharing->mutex);
	if (r < 0)
		sharing_put(names, sharing);
	return r;
}

/* Holes that one makes are no surprise to the others. */
static void allow_holes(struct sharing *sharing)
{
	image_punched(&sharing->image);
	for (struct node *node = sharing->nodes; node; node = node->beside)
		image_punched(&node->volume.image);
}

void sharing_join(struct node *node)
{
	struct sharing *sharing = node->sharing;
	struct node *other;

	pthread_mutex_lock(&sharing->mutex);
	if (node->volume.discard == DISCARD_PUNCH)
		allow_holes(sharing);
	/* Not one whose volume is just being opened, or has had its last flush. */
	for (other = sharing->nodes; other && !other->joined; other = other->beside)
		;
	if (other)
		volume_join(&node->volume, &other->volume);
	node->joined = true;
	pthread_mutex_unlock(&sharing->mutex);
}

void sharing_leave(struct node *node)
{
	pthread_mutex_lock(&node->sharing->mutex);
	node->joined = false;
	volume_leave(&node->volume);
	pthread_mutex_unlock(&node->sharing->mutex);
}

void sharing_close(struct names *names, struct node *node)
{
	struct sharing *sharing = node->sharing;
	struct node **at = &sharing->nodes;

	pthread_mutex_lock(&sharing->mutex);
	while (*at != node)
		at = &(*at)->beside;
	*at = node->beside;
	if (!sharing->nodes)
		image_close(&sharing->image);
	pthread_mutex_unlock(&sharing->mutex);
	node->beside = NULL;
	node->sharing = NULL;
	sharing_put(names, sharing);
}
