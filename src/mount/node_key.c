// SPDX-License-Identifier: MIT
#include "mount/node_key.h"

#include <errno.h>
#include <string.h>

#include "image/type.h"
#include "mount/content.h"
#include "mount/namespace.h"
#include "mount/naming.h"
#include "mount/node.h"
#include "util/macros.h"

static bool header_decides(const struct image_options *options)
{
	return options->kind == KIND_AUTO && !options->header;
}

int node_encrypted(const struct names *names, const char *name, bool *ret_encrypted)
{
	const struct image_options *options = naming_options(names, name);
	_cleanup_fd_ int fd = -1;
	enum image_type type;
	int r;

	if (!header_decides(options)) {
		*ret_encrypted = options->kind != KIND_RAW;
		return 0;
	}
	r = fd = image_open_read(names->folder_fd, name);
	if (r >= 0)
		r = image_type_read(fd, options->volume.start_bytes, &type);
	if (r < 0)
		return r;
	image_drop_cache(fd);
	*ret_encrypted = type != IMAGE_RAW;
	return 0;
}

const char *node_key_missing_header(const struct names *names, const char *name)
{
	const struct image_options *options = naming_options(names, name);
	bool meant = names->only || options != &names->options->image;

	return header_decides(options) && meant && options->keyfile
		       ? "a key is named, but there is no LUKS header: type=plain or type=raw says "
			 "what it is"
		       : NULL;
}

/* It decrypts with the key that it was unlocked with only as long as its header says so. */
static int check_identity(const struct node *node, const struct luks_identity *now,
			  const char **ret_reason)
{
	if (!node->identity.luks || luks_identity_same(now, &node->identity))
		return 0;
	*ret_reason = now->luks ? "its LUKS header has changed since it was unlocked: platterfs "
				  "lock it, then unlock it"
				: "its LUKS header is gone since it was unlocked: platterfs lock "
				  "it first";
	return -ENOKEY;
}

static int check_raw(const struct names *names, const struct node *node, const char **ret_reason)
{
	const struct image_options *options = naming_options(names, node->name);
	const struct image *image = &node->volume.image;
	struct volume_options window = options->volume;
	char type[CONTENT_TYPE_BYTES];
	uint64_t size;
	int r;

	*ret_reason = node_key_missing_header(names, node->name);
	if (*ret_reason)
		return -EINVAL;
	if (!options->expect)
		return 0;
	window.key = NULL;
	r = volume_size(&window, image->size_bytes, &size, ret_reason);
	if (r == 0)
		r = content_type(image->buffered_fd, window.start_bytes, size, NULL, type);
	if (r < 0)
		return r;
	image_drop_cache(image->buffered_fd);
	*ret_reason = "it does not hold what expect= says";
	return strcmp(options->expect, type) == 0 ? 0 : -EBADMSG;
}

int node_key_choose(const struct names *names, const struct node *node,
		    const struct volume_key **ret_key, const char **ret_reason)
{
	const struct image_options *options = naming_options(names, node->name);
	struct luks_identity identity;
	bool encrypted = options->kind != KIND_RAW;
	int r = luks_identity_read(node->volume.image.direct_fd, options->volume.start_bytes,
				   &identity);

	if (r < 0)
		return r;
	if (header_decides(options))
		encrypted = identity.luks || node->key;
	if (encrypted && !node->key) {
		*ret_reason = "locked: platterfs unlock gives it its key; type=raw serves its "
			      "ciphertext";
		return -ENOKEY;
	}
	r = encrypted ? check_identity(node, &identity, ret_reason)
		      : check_raw(names, node, ret_reason);
	if (r == 0)
		*ret_key = encrypted ? node->key : NULL;
	return r;
}
