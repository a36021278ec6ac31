// SPDX-License-Identifier: MIT
#include "mount/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "crypt/key_source.h"
#include "crypt/secret.h"
#include "crypt/sector.h"
#include "mount/content.h"
#include "mount/namespace.h"
#include "mount/naming.h"
#include "mount/node.h"
#include "mount/node_key.h"
#include "util/log.h"
#include "util/macros.h"

/* An image on its way to its key. */
struct unlocking {
	struct names *names;
	struct node *node;
	struct part part;
	const struct image_options *options;
	struct volume_options window; /* without key */
	struct unlock_request request;
	int image_fd, header_fd;
	struct volume_key *key;  /* as unlock() gives it */
	struct volume_key *kept; /* what the node gets */
	struct luks_identity identity;
	const struct keys_given *given;
	char *reason; /* of UNLOCK_REASON_BYTES */
};

static int refuse(const struct unlocking *unlocking, int error, const char *reason)
{
	snprintf(unlocking->reason, UNLOCK_REASON_BYTES, "%s", reason);
	return error;
}

static enum unlock_type unlock_type_of(enum image_kind kind)
{
	switch (kind) {
	case KIND_PLAIN:
		return UNLOCK_PLAIN;
	case KIND_TCRYPT:
		return UNLOCK_TCRYPT;
	case KIND_BITLK:
		return UNLOCK_BITLK;
	case KIND_AUTO:
	case KIND_RAW:
	case KIND_LUKS:
		break;
	}
	return UNLOCK_LUKS;
}

static int open_image(struct unlocking *unlocking)
{
	const struct part_image image = part_image(&unlocking->part);
	const char *reason = NULL;
	struct stat status;
	int r = unlocking->image_fd = image_open_read(unlocking->names->folder_fd, image.name);

	if (r < 0 || fstat(r, &status) < 0)
		return refuse(unlocking, r < 0 ? r : -errno, strerror(r < 0 ? -r : errno));
	if (status.st_dev != unlocking->node->device || status.st_ino != unlocking->node->inode)
		return refuse(unlocking, -ESTALE, "replaced by another file meanwhile");
	r = volume_size(&unlocking->window, (uint64_t)status.st_size,
			&unlocking->request.length_bytes, &reason);
	if (r == 0 && unlocking->request.length_bytes == 0) {
		r = -EINVAL;
		reason = "the image is empty";
	}
	return r < 0 ? refuse(unlocking, r, reason) : 0;
}

static int open_header(struct unlocking *unlocking)
{
	const char *path = unlocking->options->header;

	if (!path)
		return 0;
	unlocking->header_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (unlocking->header_fd >= 0)
		return 0;
	snprintf(unlocking->reason, UNLOCK_REASON_BYTES, "header=%s: %s", path, strerror(errno));
	return -errno;
}

/* A keyfile is the key itself, unless a hash was asked for; standard input is a passphrase. */
static void request_fill(struct unlocking *unlocking)
{
	const struct image_options *options = unlocking->options;
	struct unlock_request *request = &unlocking->request;
	bool keyfile = unlocking->given->passphrase
			       ? unlocking->given->keyfile
			       : options->keyfile && strcmp(options->keyfile, "-") != 0;

	*request = options->unlock;
	request->type = unlock_type_of(options->kind);
	request->start_bytes = unlocking->window.start_bytes;
	if (keyfile && !options->hash_given)
		request->hash[0] = '\0';
}

static int unlock_with(struct unlocking *unlocking, const struct passphrase *passphrase)
{
	return unlock(&unlocking->request, unlocking->image_fd, unlocking->header_fd, passphrase,
		      unlocking->key, unlocking->reason);
}

static int unlock_from_source(struct unlocking *unlocking)
{
	const struct image_options *options = unlocking->options;
	const struct key_source source = {.source = options->keyfile,
					  .offset_bytes = options->keyfile_offset_bytes,
					  .size_bytes = options->keyfile_size_bytes,
					  .at_once = !unlocking->given->ask};
	struct passphrase *passphrase;
	_cleanup_free_ char *prompt = NULL;
	int r;

	if (asprintf(&prompt, "Passphrase for %s: ", unlocking->node->name) < 0)
		return refuse(unlocking, -ENOMEM, strerror(ENOMEM));
	r = passphrase_new(&passphrase);
	if (r < 0)
		return refuse(unlocking, r, strerror(-r));
	r = key_source_read(&source, prompt, false, passphrase, unlocking->reason);
	if (r == 0)
		r = unlock_with(unlocking, passphrase);
	passphrase_free(passphrase);
	return r;
}

/* A token spares the question; where one is asked for anyway, it makes no difference. */
static int unlock_by_any(struct unlocking *unlocking)
{
	int r = -ENOKEY;

	if (unlocking->given->passphrase)
		return unlock_with(unlocking, unlocking->given->passphrase);
	if (unlocking->request.type == UNLOCK_LUKS && !unlocking->options->keyfile)
		r = unlock_with(unlocking, NULL);
	return r == -ENOKEY || r == -EPERM ? unlock_from_source(unlocking) : r;
}

/* A cipher that is not ours is refused now, not at the first open. */
static int check_cipher(struct unlocking *unlocking)
{
	struct sectors *sectors;
	const char *reason;
	int r = sectors_new(unlocking->key, 1, &sectors, &reason);

	if (r == 0) {
		sectors_free(sectors);
		return 0;
	}
	snprintf(unlocking->reason, UNLOCK_REASON_BYTES, "cipher %s, key of %u bits: %s",
		 unlocking->key->spec, 8 * unlocking->key->key_bytes, reason);
	return r;
}

/*
 * A plain volume takes any key. Noise where something is expected is an error; where nothing is
 * known, it may also be a new volume.
 */
static int check_content(struct unlocking *unlocking)
{
	const struct image_options *options = unlocking->options;
	struct volume_options payload = unlocking->window;
	char type[CONTENT_TYPE_BYTES];
	const char *reason = NULL;
	uint64_t size;
	int r;

	payload.key = unlocking->key;
	r = volume_size(&payload, payload.start_bytes + unlocking->request.length_bytes, &size,
			&reason);
	if (r < 0)
		return refuse(unlocking, r, reason);
	if (!options->expect && options->kind != KIND_PLAIN)
		return 0;
	r = content_type(unlocking->image_fd,
			 payload.start_bytes + unlocking->key->data_offset_bytes, size,
			 unlocking->key, type);
	if (r < 0)
		return refuse(unlocking, r, strerror(-r));
	if (options->expect && strcmp(options->expect, type) != 0) {
		snprintf(unlocking->reason, UNLOCK_REASON_BYTES,
			 "expect=%s, but %s is there: wrong key, or wrong cipher options",
			 options->expect, *type ? type : "nothing known");
		return -EBADMSG;
	}
	if (!*type)
		log_warning("%s: nothing known is in it: a new volume, or a wrong key",
			    unlocking->node->name);
	return 0;
}

/*
 * Before it is read for unlocking. Only where the header is in the image: whoever writes there has
 * nothing to do with a detached one.
 */
static int note_identity(struct unlocking *unlocking)
{
	int r = 0;

	if (unlocking->request.type == UNLOCK_LUKS && unlocking->header_fd < 0)
		r = luks_identity_read(unlocking->image_fd, unlocking->request.start_bytes,
				       &unlocking->identity);
	return r < 0 ? refuse(unlocking, r, strerror(-r)) : 0;
}

static int unlock_node(struct unlocking *unlocking)
{
	int r;

	request_fill(unlocking);
	r = open_image(unlocking);
	if (r == 0)
		r = open_header(unlocking);
	if (r == 0)
		r = note_identity(unlocking);
	if (r == 0)
		r = unlock_by_any(unlocking);
	if (r == 0)
		r = check_cipher(unlocking);
	if (r == 0)
		r = check_content(unlocking);
	if (r < 0)
		return r;
	unlocking->kept = volume_key_copy(unlocking->key);
	return unlocking->kept ? 0
			       : refuse(unlocking, -ENOMEM,
					"no locked memory left for its key (ulimit -l)");
}

static void unlocking_close(struct unlocking *unlocking)
{
	secret_free(unlocking->key);
	if (unlocking->image_fd >= 0) {
		image_drop_cache(unlocking->image_fd);
		close(unlocking->image_fd);
	}
	if (unlocking->header_fd >= 0)
		close(unlocking->header_fd);
}

static int check_encrypted(struct unlocking *unlocking)
{
	bool encrypted;
	int r = node_encrypted(unlocking->names, &unlocking->part, &encrypted);

	if (r < 0)
		return refuse(unlocking, r, strerror(-r));
	return encrypted ? 0 : refuse(unlocking, -EALREADY, "not encrypted");
}

/*
 * It takes seconds, or waits for somebody: without the mutex, which others need to look at the
 * node. Who comes meanwhile is told so.
 */
static int unlocking_begin(struct unlocking *unlocking)
{
	struct node *node = unlocking->node;
	int r = 1;

	pthread_mutex_lock(&node->mutex);
	if (node->unlocking)
		r = refuse(unlocking, -EBUSY, "somebody is unlocking it already");
	else if (node->key)
		r = 0;
	else
		node->unlocking = true;
	pthread_mutex_unlock(&node->mutex);
	return r;
}

static void unlocking_end(struct unlocking *unlocking)
{
	struct node *node = unlocking->node;

	pthread_mutex_lock(&node->mutex);
	node->unlocking = false;
	if (unlocking->kept) {
		node->identity = unlocking->identity;
		node->key = unlocking->kept;
	}
	pthread_mutex_unlock(&node->mutex);
}

static int unlock_locked_node(struct names *names, struct node *node,
			      const struct keys_given *given, char *reason)
{
	const struct part part = node_part(node);
	struct unlocking unlocking = {
		.names = names,
		.node = node,
		.part = part,
		.options = part_options(names, &part),
		.window = part_volume(names, &part),
		.image_fd = -1,
		.header_fd = -1,
		.given = given,
		.reason = reason,
	};
	int r = check_encrypted(&unlocking);

	if (r == 0)
		r = unlocking_begin(&unlocking);
	/* Done already, or not to be done. */
	if (r <= 0)
		return r;
	unlocking.key = secret_new(sizeof(*unlocking.key));
	r = unlocking.key ? unlock_node(&unlocking)
			  : refuse(&unlocking, -ENOMEM, "no locked memory left for its key");
	unlocking_end(&unlocking);
	unlocking_close(&unlocking);
	return r;
}

int keys_unlock_image(struct names *names, const char *image, const struct keys_given *given,
		      char ret_reason[UNLOCK_REASON_BYTES])
{
	struct stat attributes;
	struct node *node;
	int r = node_find(names, image, 1, &node, &attributes);

	if (r < 0) {
		snprintf(ret_reason, UNLOCK_REASON_BYTES, "%s", strerror(-r));
		return r;
	}
	r = unlock_locked_node(names, node, given, ret_reason);
	node_forget(names, node, 1);
	return r;
}

int keys_unlock(struct names *names, const char *name, const struct keys_given *given,
		char ret_reason[UNLOCK_REASON_BYTES])
{
	struct naming room;

	return keys_unlock_image(names, naming_image(names, name, &room), given, ret_reason);
}

/* All that ever had this name and still have a key: an image may have been replaced meanwhile. */
struct named {
	const char *image;
	struct node *nodes[64];
	size_t count;
};

static void collect_named(const void *where, VISIT visit, void *data)
{
	struct node *node = *(struct node *const *)where;
	struct named *named = data;

	if ((visit == postorder || visit == leaf) && (node->key || node->unlocking) &&
	    strcmp(node->name, named->image) == 0 && named->count < ARRAY_LENGTH(named->nodes))
		named->nodes[named->count++] = node;
}

static int lock_node(struct node *node)
{
	int r = 0;

	pthread_mutex_lock(&node->mutex);
	if (node->unlocking || (node->key && node->opens > 0)) {
		r = -EBUSY;
	} else {
		secret_free(node->key);
		node->key = NULL;
	}
	pthread_mutex_unlock(&node->mutex);
	return r;
}

/* Nothing was there to be locked: because it is locked, or is no volume, or not encrypted. */
static int lock_nothing(struct names *names, const char *image)
{
	struct stat status;
	struct part part;
	bool encrypted;
	int r = part_find(names, image, &part, &status);

	if (r == 0)
		r = node_encrypted(names, &part, &encrypted);
	return r < 0 ? r : encrypted ? 0 : -EALREADY;
}

int keys_lock(struct names *names, const char *name)
{
	struct naming room;
	struct named named = {.image = naming_image(names, name, &room)};
	int r = 0;

	pthread_mutex_lock(&names->mutex);
	twalk_r(names->nodes, collect_named, &named);
	pthread_mutex_unlock(&names->mutex);
	/* Nodes with a key stay, and nobody else takes keys away. */
	for (size_t i = 0; i < named.count && r == 0; i++)
		r = lock_node(named.nodes[i]);
	return r < 0 || named.count > 0 ? r : lock_nothing(names, named.image);
}
