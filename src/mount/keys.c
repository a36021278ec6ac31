// SPDX-License-Identifier: MIT
#include "mount/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "crypt/key_source.h"
#include "crypt/secret.h"
#include "crypt/sector.h"
#include "mount/content.h"
#include "mount/listing.h"
#include "mount/namespace.h"
#include "mount/node.h"
#include "util/log.h"
#include "util/macros.h"

/* An image on its way to its key. */
struct unlocking {
	struct names *names;
	struct node *node;
	const struct image_options *options;
	struct unlock_request request;
	int image_fd, header_fd;
	struct volume_key *key;
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
	const struct volume_options *window = &unlocking->options->volume;
	struct volume_options ciphertext = *window;
	const char *reason = NULL;
	struct stat status;
	int r = unlocking->image_fd = image_open_read(unlocking->names->folder_fd,
						      unlocking->node->name);

	if (r < 0 || fstat(r, &status) < 0)
		return refuse(unlocking, r < 0 ? r : -errno, strerror(r < 0 ? -r : errno));
	if (status.st_dev != unlocking->node->device || status.st_ino != unlocking->node->inode)
		return refuse(unlocking, -ESTALE, "replaced by another file meanwhile");
	ciphertext.key = NULL;
	r = volume_size(&ciphertext, (uint64_t)status.st_size, &unlocking->request.length_bytes,
			&reason);
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
	unlocking->header_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
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
	request->start_bytes = options->volume.start_bytes;
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
					  .size_bytes = options->keyfile_size_bytes};
	struct passphrase *passphrase;
	_cleanup_free_ char *prompt = NULL;
	int r;

	if (key_source_asks(&source) && !unlocking->given->ask)
		return refuse(unlocking, -ENOKEY, "no key source is named that could be read now");
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
	struct volume_options payload = options->volume;
	char type[CONTENT_TYPE_BYTES];
	const char *reason = NULL;
	uint64_t size;
	int r;

	payload.key = unlocking->key;
	r = volume_size(&payload, options->volume.start_bytes + unlocking->request.length_bytes,
			&size, &reason);
	if (r < 0)
		return refuse(unlocking, r, reason);
	if (!options->expect && options->kind != KIND_PLAIN)
		return 0;
	r = content_type(unlocking->image_fd,
			 options->volume.start_bytes + unlocking->key->data_offset_bytes, size,
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

/* Only where the header is in the image: a detached one is nobody's who formats the image. */
static int note_header(struct unlocking *unlocking)
{
	struct node *node = unlocking->node;
	int r = 0;

	node->uuid[0] = '\0';
	if (unlocking->request.type == UNLOCK_LUKS && unlocking->header_fd < 0)
		r = image_luks_uuid_read(unlocking->image_fd, unlocking->request.start_bytes,
					 node->uuid);
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
		r = unlock_by_any(unlocking);
	if (r == 0)
		r = check_cipher(unlocking);
	if (r == 0)
		r = check_content(unlocking);
	if (r == 0)
		r = note_header(unlocking);
	if (r < 0)
		return r;
	unlocking->node->key = volume_key_copy(unlocking->key);
	return unlocking->node->key ? 0
				    : refuse(unlocking, -ENOMEM,
					     "no locked memory left for its key (ulimit -l)");
}

static int unlock_locked_node(struct names *names, struct node *node,
			      const struct keys_given *given, char *reason)
{
	struct unlocking unlocking = {
		.names = names,
		.node = node,
		.options = namespace_image_options(names, node->name),
		.image_fd = -1,
		.header_fd = -1,
		.given = given,
		.reason = reason,
	};
	bool encrypted;
	int r = node_encrypted(names, node->name, &encrypted);

	if (r < 0)
		return refuse(&unlocking, r, strerror(-r));
	if (!encrypted)
		return refuse(&unlocking, -EALREADY, "not encrypted");
	unlocking.key = secret_new(sizeof(*unlocking.key));
	if (!unlocking.key)
		return refuse(&unlocking, -ENOMEM, "no locked memory left for its key");
	r = unlock_node(&unlocking);
	secret_free(unlocking.key);
	if (unlocking.image_fd >= 0) {
		image_drop_cache(unlocking.image_fd);
		close(unlocking.image_fd);
	}
	if (unlocking.header_fd >= 0)
		close(unlocking.header_fd);
	return r;
}

static int find_volume(struct names *names, const char *name, struct node **ret_node)
{
	struct stat attributes;

	name = names->root_is_image ? names->only : namespace_image(names, name);
	if (strchr(name, '/') || (names->only && strcmp(names->only, name) != 0))
		return -ENOENT;
	return node_find(names, name, 1, ret_node, &attributes);
}

int keys_unlock(struct names *names, const char *name, const struct keys_given *given,
		char ret_reason[UNLOCK_REASON_BYTES])
{
	struct node *node;
	int r = find_volume(names, name, &node);

	if (r < 0) {
		snprintf(ret_reason, UNLOCK_REASON_BYTES, "%s", strerror(-r));
		return r;
	}
	pthread_mutex_lock(&node->mutex);
	if (!node->key)
		r = unlock_locked_node(names, node, given, ret_reason);
	pthread_mutex_unlock(&node->mutex);
	node_forget(names, node, 1);
	return r;
}

int keys_lock(struct names *names, const char *name)
{
	struct node *node;
	int r = find_volume(names, name, &node);

	if (r < 0)
		return r;
	pthread_mutex_lock(&node->mutex);
	if (node->key && node->opens > 0) {
		r = -EBUSY;
	} else {
		secret_free(node->key);
		node->key = NULL;
	}
	pthread_mutex_unlock(&node->mutex);
	node_forget(names, node, 1);
	return r;
}

/* At the start of a mount. */
struct start {
	struct names *names;
	struct passphrase *shared; /* asked for once, for all images that the table does not name */
	char *reason;
};

static bool is_default(const struct start *start, const struct image_options *options)
{
	return options == &start->names->options->image;
}

/* Those of a folder that nobody has said anything about wait for `unlock`. */
static bool wanted_now(const struct start *start, const struct image_options *options)
{
	if (start->names->only)
		return true;
	return !options->later &&
	       (options->keyfile || options->kind == KIND_PLAIN || !is_default(start, options));
}

/* What can be read but once, the terminal's line or standard input, is for the whole folder. */
static int share_passphrase(struct start *start, const struct image_options *options)
{
	const struct key_source source = {.source = options->keyfile,
					  .offset_bytes = options->keyfile_offset_bytes,
					  .size_bytes = options->keyfile_size_bytes};
	bool once = key_source_asks(&source) || strcmp(options->keyfile, "-") == 0;
	int r = 0;

	if (!once || !is_default(start, options) || start->names->only || start->shared)
		return 0;
	r = passphrase_new(&start->shared);
	if (r == 0)
		r = key_source_read(&source, "Passphrase for all volumes: ", false, start->shared,
				    start->reason);
	return r;
}

/* Who names a key expects encryption: nothing of his may be written as it is. */
static int check_raw(const struct start *start, const struct image_options *options)
{
	bool meant = start->names->only || !is_default(start, options);

	if (options->kind == KIND_RAW || !meant || !options->keyfile)
		return 0;
	snprintf(start->reason, UNLOCK_REASON_BYTES,
		 "a key is named, but there is no LUKS header: type=plain or type=raw says what "
		 "it is");
	return -EINVAL;
}

static int unlock_image(struct start *start, const char *image)
{
	const struct image_options *options = namespace_image_options(start->names, image);
	struct keys_given given = {.ask = true};
	bool encrypted;
	int r;

	if (!wanted_now(start, options))
		return 0;
	r = node_encrypted(start->names, image, &encrypted);
	if (r < 0) {
		snprintf(start->reason, UNLOCK_REASON_BYTES, "%s", strerror(-r));
		return r;
	}
	if (!encrypted)
		return check_raw(start, options);
	r = share_passphrase(start, options);
	if (is_default(start, options))
		given.passphrase = start->shared;
	return r < 0 ? r
		     : keys_unlock(start->names, namespace_volume(start->names, image), &given,
				   start->reason);
}

static int unlock_listing(struct start *start, const struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		const char *image = listing->entries[i].name;
		int r = unlock_image(start, image);

		if (r < 0 && start->names->only)
			return r;
		if (r < 0)
			log_warning("%s: stays locked: %s", namespace_volume(start->names, image),
				    start->reason);
	}
	return 0;
}

int keys_unlock_all(struct names *names, char ret_reason[UNLOCK_REASON_BYTES])
{
	struct start start = {.names = names, .reason = ret_reason};
	struct listing *listing;
	int r = listing_new(names->folder_fd, names->only, &listing);

	if (r < 0) {
		snprintf(ret_reason, UNLOCK_REASON_BYTES, "%s", strerror(-r));
		return r;
	}
	r = unlock_listing(&start, listing);
	listing_free(listing);
	if (start.shared)
		passphrase_free(start.shared);
	return r;
}
