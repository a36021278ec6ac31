// SPDX-License-Identifier: MIT
#include "mount/node.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <unistd.h>

#include "crypt/secret.h"
#include "data/lane.h"
#include "mount/namespace.h"
#include "mount/node_key.h"
#include "mount/passthrough.h"
#include "mount/sharing.h"
#include "util/log.h"
#include "util/macros.h"

/* A partition that begins elsewhere by now is another one, and has another key. */
static int compare_windows(const struct partition *a, const struct partition *b)
{
	int order = (a->start_bytes > b->start_bytes) - (a->start_bytes < b->start_bytes);

	if (order == 0)
		order = (a->length_bytes > b->length_bytes) - (a->length_bytes < b->length_bytes);
	return order;
}

int node_compare(const void *a, const void *b)
{
	const struct node *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	if (order == 0)
		order = (left->device > right->device) - (left->device < right->device);
	if (order == 0)
		order = (left->inode > right->inode) - (left->inode < right->inode);
	if (order == 0)
		order = compare_windows(&left->partition, &right->partition);
	return order;
}

void node_free(void *data)
{
	struct node *node = data;

	pthread_mutex_destroy(&node->mutex);
	secret_free(node->key);
	free(node->volume.counters);
	free(node->name);
	free(node);
}

static struct node *node_new(const struct part *part, const struct stat *status)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->name = strdup(part->name);
	if (!node->name) {
		free(node);
		return NULL;
	}
	pthread_mutex_init(&node->mutex, NULL);
	node->partition = part->partition;
	node->device = status->st_dev;
	node->inode = status->st_ino;
	node->volume.name = node->name;
	return node;
}

static int node_insert(struct names *names, const struct part *part, uint64_t lookups,
		       const struct stat *status, struct node **ret_node)
{
	struct node *node = node_new(part, status), *kept = NULL;
	struct node **found;

	if (!node)
		return -ENOMEM;
	pthread_mutex_lock(&names->mutex);
	found = tsearch(node, &names->nodes, node_compare);
	/* What `found` points to is the tree's, and may be gone once the mutex is free. */
	if (found) {
		kept = *found;
		kept->lookups += lookups;
	}
	pthread_mutex_unlock(&names->mutex);
	if (kept != node)
		node_free(node);
	if (!kept)
		return -ENOMEM;
	*ret_node = kept;
	return 0;
}

static int image_status(struct names *names, const struct part *part, struct stat *ret_status)
{
	const struct part_image image = part_image(part);
	const char *reason;
	_cleanup_fd_ int fd = image_find(names->folder_fd, image.name, &reason);

	if (fd < 0)
		return fd;
	return fstat(fd, ret_status) < 0 ? -errno : 0;
}

uint64_t node_size(const struct names *names, const struct part *part, const struct volume_key *key,
		   const struct stat *image)
{
	struct volume_options options = part_volume(names, part);
	const char *reason;
	uint64_t size;

	options.key = key;
	return volume_size(&options, (uint64_t)image->st_size, &size, &reason) < 0 ? 0 : size;
}

static int closed_attributes(struct names *names, struct node *node, struct stat *ret_attributes)
{
	const struct part part = node_part(node);
	int r = image_status(names, &part, ret_attributes);

	if (r == 0 &&
	    (ret_attributes->st_dev != node->device || ret_attributes->st_ino != node->inode))
		r = -ESTALE;
	if (r == 0)
		ret_attributes->st_size = (off_t)node_size(names, &part, node->key, ret_attributes);
	return r;
}

int node_attributes(struct names *names, struct node *node, struct stat *ret_attributes)
{
	int r;

	pthread_mutex_lock(&node->mutex);
	if (node->opens > 0) {
		r = fstat(node->volume.image.direct_fd, ret_attributes) < 0 ? -errno : 0;
		if (r == 0)
			ret_attributes->st_size = (off_t)node->volume.size_bytes;
	} else {
		r = closed_attributes(names, node, ret_attributes);
	}
	pthread_mutex_unlock(&node->mutex);
	if (r < 0)
		return r;
	ret_attributes->st_nlink = 1;
	/* Else cp(1) would take two partitions for the same file. */
	ret_attributes->st_ino ^= (ino_t)node->partition.number << 56;
	return 0;
}

int node_find(struct names *names, const char *name, uint64_t lookups, struct node **ret_node,
	      struct stat *ret_attributes)
{
	struct part part;
	int r = part_find(names, name, &part, ret_attributes);

	if (r == 0)
		r = node_insert(names, &part, lookups, ret_attributes, ret_node);
	if (r < 0)
		return r;
	r = node_attributes(names, *ret_node, ret_attributes);
	if (r < 0)
		node_forget(names, *ret_node, lookups);
	return r;
}

/* Of a partition, its table says where it is; who wants another window wants start= of the image.
 */
static int check_window(const struct names *names, const struct node *node, const char **ret_reason)
{
	const struct part part = node_part(node);
	const struct volume_options *own = &part_options(names, &part)->volume;

	if (!part.partition.number)
		return 0;
	if (own->start_bytes != 0 || own->length_bytes != 0) {
		*ret_reason = "start= and length= are not for a partition";
		return -EINVAL;
	}
	return part_holds(&part, node->volume.image.direct_fd, node->volume.image.size_bytes)
		       ? 0
		       : -ESTALE;
}

static int volume_start(struct names *names, struct node *node, const char **ret_reason)
{
	const struct part part = node_part(node);
	struct volume_options options = part_volume(names, &part);
	const struct image *image = &node->volume.image;
	int r;

	if (image->device != node->device || image->inode != node->inode)
		return -ESTALE;
	r = check_window(names, node, ret_reason);
	if (r < 0)
		return r;
	r = node_key_choose(names, node, &options.key, ret_reason);
	options.lanes = names->lanes->count;
	return r < 0 ? r : volume_open(&node->volume, &options, ret_reason);
}

static int node_image_open(struct names *names, struct node *node, bool read_only,
			   const char **ret_reason)
{
	const struct part part = node_part(node);
	bool reads = read_only || part_options(names, &part)->volume.read_only;

	if (part.partition.number)
		return sharing_open(names, node, read_only, ret_reason);
	return image_open(names->folder_fd, node->name, reads ? IMAGE_READ_ONLY : 0,
			  &node->volume.image, ret_reason);
}

/* What it is, is decided on the very file that will be served: names may change meanwhile. */
static int volume_open_checked(struct names *names, struct node *node, bool read_only,
			       const char **ret_reason)
{
	int r = node_image_open(names, node, read_only, ret_reason);

	if (r < 0)
		return r;
	r = volume_start(names, node, ret_reason);
	if (r < 0) {
		image_close(&node->volume.image);
		if (node->sharing)
			sharing_close(names, node);
	} else if (node->sharing) {
		sharing_join(node);
	}
	return r;
}

static void find_other(const void *where, VISIT visit, void *data)
{
	const struct node *node = *(struct node *const *)where;
	const struct node **other = data;

	if ((visit == postorder || visit == leaf) && node->opens > 0 &&
	    node->device == (*other)->device && node->inode == (*other)->inode)
		*other = node;
}

/* It is we ourselves who have it open. */
static const char *busy_reason(struct names *names, const struct node *node, const char *reason)
{
	const struct node *other = node;

	pthread_mutex_lock(&names->mutex);
	twalk_r(names->nodes, find_other, &other);
	if (other != node && !node->partition.number && other->partition.number)
		reason = "in use: a partition of it is open";
	else if (other != node && node->partition.number && !other->partition.number)
		reason = "in use: all of its image is open";
	pthread_mutex_unlock(&names->mutex);
	return reason;
}

static int node_open_first(struct names *names, struct node *node, bool writes)
{
	const struct part part = node_part(node);
	const char *reason = NULL;
	int r;

	if (!node->volume.counters)
		node->volume.counters = calloc(1, sizeof(*node->volume.counters));
	if (!node->volume.counters)
		return -ENOMEM;
	r = volume_open_checked(names, node, false, &reason);
	/* Who only wants to read can do so where nobody may write. */
	if ((r == -EROFS || r == -EACCES || r == -EPERM) && !writes)
		r = volume_open_checked(names, node, true, &reason);
	if (r == -EBUSY)
		reason = busy_reason(names, node, reason);
	if (r < 0 && r != -ESTALE)
		log_warning("%s: %s", node->name, reason ? reason : strerror(-r));
	if (r == 0)
		passthrough_begin(node, part_options(names, &part)->passthrough,
				  names->lanes->fuse_fd);
	return r;
}

static int node_close_last(struct names *names, struct node *node)
{
	int r;

	passthrough_end(node, names->lanes->fuse_fd);
	r = volume_finish(&node->volume);
	/* Not before: if that failed, it concerns who was opened meanwhile, too. */
	if (node->sharing)
		sharing_leave(node);
	volume_close(&node->volume);
	if (node->sharing)
		sharing_close(names, node);
	return r;
}

static void node_count(struct names *names, struct node *node, int opens)
{
	pthread_mutex_lock(&names->mutex);
	node->opens = (unsigned)((int)node->opens + opens);
	pthread_mutex_unlock(&names->mutex);
}

int node_open(struct names *names, struct node *node, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	int r = 0;

	pthread_mutex_lock(&node->mutex);
	if (node->opens == 0)
		r = node_open_first(names, node, writes);
	if (r == 0 && writes && node->volume.image.read_only) {
		r = -EROFS;
		if (node->opens == 0)
			node_close_last(names, node);
	}
	if (r == 0)
		node_count(names, node, 1);
	pthread_mutex_unlock(&node->mutex);
	return r;
}

int node_hold(struct names *names, struct node *node)
{
	int r = 0;

	pthread_mutex_lock(&node->mutex);
	if (node->opens > 0)
		node_count(names, node, 1);
	else
		r = -ESTALE;
	pthread_mutex_unlock(&node->mutex);
	return r;
}

void node_close(struct names *names, struct node *node)
{
	int r = 0;

	pthread_mutex_lock(&node->mutex);
	node_count(names, node, -1);
	if (node->opens == 0)
		r = node_close_last(names, node);
	pthread_mutex_unlock(&node->mutex);
	if (r < 0) {
		pthread_mutex_lock(&names->mutex);
		names->result = names->result ? names->result : r;
		pthread_mutex_unlock(&names->mutex);
	}
}

static void find_open(const void *where, VISIT visit, void *data)
{
	struct node *node = *(struct node *const *)where;

	if ((visit == postorder || visit == leaf) && node->opens > 0)
		*(struct node **)data = node;
}

struct node *node_find_open(struct names *names)
{
	struct node *found = NULL;

	pthread_mutex_lock(&names->mutex);
	twalk_r(names->nodes, find_open, &found);
	pthread_mutex_unlock(&names->mutex);
	return found;
}

/* One that ever was open stays, for status: there are no more of those than images that were used.
 */
void node_forget(struct names *names, struct node *node, uint64_t lookups)
{
	bool unused;

	pthread_mutex_lock(&names->mutex);
	node->lookups -= min_u64(lookups, node->lookups);
	unused = node->lookups == 0 && node->opens == 0 && !node->volume.counters && !node->key;
	if (unused)
		tdelete(node, &names->nodes, node_compare);
	pthread_mutex_unlock(&names->mutex);
	if (unused)
		node_free(node);
}
