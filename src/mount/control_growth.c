// SPDX-License-Identifier: MIT
#include "mount/control_growth.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "crypt/unlock.h"
#include "mount/control.h"
#include "mount/namespace.h"
#include "mount/naming.h"
#include "mount/node.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

static void reply(int client, int result, const char *reason)
{
	char text[UNLOCK_REASON_BYTES + 16] = "ok\n";

	if (result < 0)
		snprintf(text, sizeof(text), "failed %s\n", reason ? reason : strerror(-result));
	if (send(client, text, strlen(text), MSG_NOSIGNAL) < 0)
		log_line(LOG_DEBUG, "who resizes is gone: %s", strerror(errno));
	close(client);
}

/* As the volume was opened. */
static struct volume_options options_of(const struct names *names, const struct node *node)
{
	struct volume_options options = naming_options(names, node->name)->volume;

	options.key = node->volume.sectors ? node->key : NULL;
	return options;
}

/* What could not be used afterwards is refused before it is written. */
static int check_growth(const struct names *names, const struct node *node, uint64_t image_bytes,
			const char **ret_reason)
{
	const struct volume_options options = options_of(names, node);
	const struct image *image = &node->volume.image;
	uint64_t size_bytes;
	int r = volume_size(&options, image_bytes, &size_bytes, ret_reason);

	if (r < 0)
		return r;
	*ret_reason = "";
	if (image->read_only)
		*ret_reason = "it is served read-only";
	else if (image_bytes < image->size_bytes)
		*ret_reason = "in use: it shrinks only when nobody has it open";
	else if (image->size_bytes % image->block_bytes != 0)
		*ret_reason = "in use, and its size is not whole blocks: it grows only when nobody "
			      "has it open";
	else if (size_bytes <= node->volume.size_bytes)
		*ret_reason = "its header, or length=, says how long the volume is";
	return **ret_reason ? -EINVAL : 0;
}

static int growing(struct names *names, struct node *node, uint64_t image_bytes,
		   const char **ret_reason)
{
	int r = check_growth(names, node, image_bytes, ret_reason);

	if (r == 0)
		node->volume.image.growing_to_bytes = image_bytes;
	return r;
}

static int grown(struct names *names, struct node *node, const char **ret_reason)
{
	const struct volume_options options = options_of(names, node);
	/* No other size than what was announced. */
	int r = image_verify(&node->volume.image, ret_reason);

	return r < 0 ? r : volume_grow(&node->volume, &options, ret_reason);
}

/* `image_bytes` is 0 when it has grown. */
static int grow_node(struct names *names, struct node *node, uint64_t image_bytes,
		     const char **ret_reason)
{
	int r = -ESTALE;

	pthread_mutex_lock(&node->mutex);
	*ret_reason = "not open any more";
	if (node->opens > 0)
		r = image_bytes ? growing(names, node, image_bytes, ret_reason)
				: grown(names, node, ret_reason);
	pthread_mutex_unlock(&node->mutex);
	return r;
}

static void grow(struct control *control, int client, const char *volume, uint64_t image_bytes)
{
	struct names *names = &control->session->names;
	const char *reason = NULL;
	struct stat attributes;
	struct node *node;
	int r = node_find(names, names->only ? names->only : naming_image(names, volume), 1, &node,
			  &attributes);

	if (r == 0) {
		r = grow_node(names, node, image_bytes, &reason);
		node_forget(names, node, 1);
	}
	reply(client, r, reason);
}

bool control_growth_answer(struct control *control, int client, const char *word)
{
	uint64_t image_bytes;
	int name = 0;

	if (sscanf(word, "growing %" SCNu64 " %n", &image_bytes, &name) == 1 && name > 0 &&
	    image_bytes > 0) {
		grow(control, client, word + name, image_bytes);
		return true;
	}
	if (strncmp(word, "grown ", 6) == 0) {
		grow(control, client, word + 6, 0);
		return true;
	}
	return false;
}
