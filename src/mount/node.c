// SPDX-License-Identifier: MIT
#include "mount/node.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <unistd.h>

#include "image/type.h"
#include "mount/namespace.h"
#include "util/log.h"
#include "util/macros.h"

int node_compare(const void *a, const void *b)
{
	const struct node *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	if (order == 0)
		order = (left->device > right->device) - (left->device < right->device);
	if (order == 0)
		order = (left->inode > right->inode) - (left->inode < right->inode);
	return order;
}

void node_free(void *data)
{
	struct node *node = data;

	free(node->volume.counters);
	free(node->name);
	free(node);
}

static struct node *node_new(const char *name, const struct stat *status)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->name = strdup(name);
	node->device = status->st_dev;
	node->inode = status->st_ino;
	node->volume.name = node->name;
	if (node->name)
		return node;
	free(node);
	return NULL;
}

static int node_insert(struct namespace *names, const char *name, const struct stat *status,
		       struct node **ret_node)
{
	struct node *node = node_new(name, status);
	struct node **found;

	if (!node)
		return -ENOMEM;
	pthread_mutex_lock(&names->mutex);
	found = tsearch(node, &names->nodes, node_compare);
	pthread_mutex_unlock(&names->mutex);
	if (!found || *found != node)
		node_free(node);
	if (!found)
		return -ENOMEM;
	*ret_node = *found;
	return 0;
}

static int image_status(struct namespace *names, const char *name, struct stat *ret_status)
{
	const char *reason;
	_cleanup_fd_ int fd = image_find(names->folder_fd, name, &reason);

	if (fd < 0)
		return fd;
	return fstat(fd, ret_status) < 0 ? -errno : 0;
}

int node_find(struct namespace *names, const char *name, struct node **ret_node,
	      struct stat *ret_status)
{
	int r = image_status(names, name, ret_status);

	/* Folders, links, devices: for the mount, they do not exist. */
	if (r == -EISDIR || r == -EINVAL || r == -ELOOP || r == -EXDEV || r == -ENOTDIR)
		r = -ENOENT;
	return r < 0 ? r : node_insert(names, name, ret_status, ret_node);
}

int node_status(struct namespace *names, struct node *node, struct stat *ret_status)
{
	int r;

	if (node->opens > 0)
		return fstat(node->volume.image.direct_fd, ret_status) < 0 ? -errno : 0;
	r = image_status(names, node->name, ret_status);
	if (r < 0)
		return r;
	return ret_status->st_dev == node->device && ret_status->st_ino == node->inode ? 0
										       : -ESTALE;
}

static int check_type(const struct namespace *names, const struct volume *volume,
		      const char **ret_reason)
{
	enum image_type type;
	int r = image_type_read(volume->image.direct_fd, volume->start_bytes, &type);

	if (r < 0 || type == IMAGE_RAW || names->options->type_raw)
		return r;
	*ret_reason = "a LUKS image, which this version does not open; type=raw serves its "
		      "ciphertext";
	return -ENOKEY;
}

static int volume_open_checked(struct namespace *names, struct node *node, bool read_only,
			       const char **ret_reason)
{
	struct volume_options options = names->options->volume;
	int r;

	options.read_only |= read_only;
	r = volume_open(&node->volume, names->folder_fd, node->name, &options, ret_reason);
	if (r < 0)
		return r;
	if (node->volume.image.device != node->device || node->volume.image.inode != node->inode)
		r = -ESTALE;
	else
		r = check_type(names, &node->volume, ret_reason);
	if (r < 0)
		volume_close(&node->volume);
	return r;
}

static int node_open_first(struct namespace *names, struct node *node, bool writes)
{
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
	if (r < 0 && r != -ESTALE)
		log_warning("%s: %s", node->name, reason ? reason : strerror(-r));
	return r;
}

int node_open(struct namespace *names, struct node *node, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	int r = 0;

	pthread_mutex_lock(&names->mutex);
	if (node->opens == 0)
		r = node_open_first(names, node, writes);
	else if (writes && node->volume.image.read_only)
		r = -EROFS;
	node->opens += r == 0;
	pthread_mutex_unlock(&names->mutex);
	return r;
}

/* Kept for status if it ever was open: there are no more of those than images that were used. */
static void node_drop_unused(struct namespace *names, struct node *node)
{
	if (node->lookups > 0 || node->opens > 0 || node->volume.counters)
		return;
	tdelete(node, &names->nodes, node_compare);
	node_free(node);
}

void node_close(struct namespace *names, struct node *node)
{
	pthread_mutex_lock(&names->mutex);
	if (--node->opens == 0)
		volume_close(&node->volume);
	node_drop_unused(names, node);
	pthread_mutex_unlock(&names->mutex);
}

void node_forget(struct namespace *names, struct node *node, uint64_t lookups)
{
	pthread_mutex_lock(&names->mutex);
	node->lookups -= min_u64(lookups, node->lookups);
	node_drop_unused(names, node);
	pthread_mutex_unlock(&names->mutex);
}
