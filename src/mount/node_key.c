// SPDX-License-Identifier: MIT
#include "mount/node_key.h"

#include <errno.h>
#include <string.h>

#include "image/type.h"
#include "mount/content.h"
#include "mount/namespace.h"
#include "mount/node.h"
#include "util/macros.h"

static bool header_decides(const struct image_options *options)
{
	return options->kind == KIND_AUTO && !options->header;
}

int node_encrypted(const struct names *names, const struct part *part, bool *ret_encrypted)
{
	const struct image_options *options = part_options(names, part);
	const struct part_image image = part_image(part);
	_cleanup_fd_ int fd = -1;
	enum image_type type;
	int r;

	if (!header_decides(options)) {
		*ret_encrypted = options->kind != KIND_RAW;
		return 0;
	}
	/* Others may be writing other partitions: nothing of them comes into the page cache. */
	r = fd = part->partition.number ? image_open_direct(names->folder_fd, image.name)
					: image_open_read(names->folder_fd, image.name);
	if (r >= 0)
		r = image_type_read(fd, part_volume(names, part).start_bytes, &type);
	if (r < 0)
		return r;
	image_drop_cache(fd);
	*ret_encrypted = type != IMAGE_RAW;
	return 0;
}

static bool has_partitions(const struct names *names, const struct part *part)
{
	struct partitions partitions;
	const char *reason;

	return part_list(names, part->name, &partitions, &reason) == 0 && partitions.count > 0;
}

/* Whether the key that its options name was meant for it, and not for others beside it. */
static bool key_is_its_own(const struct names *names, const struct part *part,
			   const struct image_options *options)
{
	if (part->partition.number)
		return part_has_line(names, part);
	if (!names->only && options == &names->options->image)
		return false;
	return !options->partitions || !has_partitions(names, part);
}

const char *node_key_missing_header(const struct names *names, const struct part *part)
{
	const struct image_options *options = part_options(names, part);

	return header_decides(options) && options->keyfile && key_is_its_own(names, part, options)
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
	const struct part part = node_part(node);
	const struct image_options *options = part_options(names, &part);
	const struct image *image = &node->volume.image;
	struct volume_options window = part_volume(names, &part);
	char type[CONTENT_TYPE_BYTES];
	uint64_t size;
	int r;

	*ret_reason = node_key_missing_header(names, &part);
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
	const struct part part = node_part(node);
	const struct image_options *options = part_options(names, &part);
	struct luks_identity identity;
	bool encrypted = options->kind != KIND_RAW;
	int r = luks_identity_read(node->volume.image.direct_fd,
				   part_volume(names, &part).start_bytes, &identity);

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
