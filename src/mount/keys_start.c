// SPDX-License-Identifier: MIT
/* keys.h when a mount starts: which volumes are unlocked then, and who is asked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypt/key_source.h"
#include "image/type.h"
#include "mount/keys.h"
#include "mount/listing.h"
#include "mount/namespace.h"
#include "mount/naming.h"
#include "mount/node_key.h"
#include "util/log.h"
#include "util/macros.h"

struct start {
	struct names *names;
	struct passphrase *shared; /* asked for once, for all images that the table does not name */
	int shared_result;         /* whether that went wrong: then not again */
	char *reason;
};

static bool is_default(const struct start *start, const struct image_options *options)
{
	return options == &start->names->options->image;
}

/* One image: its partitions are many. */
static bool is_source(const struct start *start, const struct part *part)
{
	return start->names->only && !part->partition.number;
}

/* Those of a folder that nobody has said anything about wait for `unlock`. */
static bool wanted_now(const struct start *start, const struct part *part)
{
	const struct image_options *options = part_options(start->names, part);

	if (is_source(start, part))
		return true;
	if (part->partition.number)
		return !options->later && (options->keyfile || part_has_line(start->names, part));
	return !options->later &&
	       (options->keyfile || options->kind == KIND_PLAIN || !is_default(start, options));
}

static int read_shared(struct start *start, const struct key_source *source)
{
	struct passphrase *passphrase;
	int r = passphrase_new(&passphrase);

	if (r < 0)
		return r;
	r = key_source_read(source, "Passphrase for all volumes: ", false, passphrase,
			    start->reason);
	if (r < 0)
		passphrase_free(passphrase);
	else
		start->shared = passphrase;
	return r;
}

/* What can be read but once, the terminal's line or standard input, is for the whole folder. */
static int share_passphrase(struct start *start, const struct part *part)
{
	const struct image_options *options = part_options(start->names, part);
	const struct key_source source = {.source = options->keyfile,
					  .offset_bytes = options->keyfile_offset_bytes,
					  .size_bytes = options->keyfile_size_bytes};
	bool once = key_source_asks(&source) || strcmp(options->keyfile, "-") == 0;

	if (!once || !is_default(start, options) || is_source(start, part) || start->shared)
		return 0;
	if (start->shared_result == 0)
		start->shared_result = read_shared(start, &source);
	return start->shared_result;
}

/* Who names a key expects encryption: nothing of his may be written as it is. */
static int check_raw(const struct start *start, const struct part *part)
{
	const char *missing = node_key_missing_header(start->names, part);
	const struct part_image image = part_image(part);
	_cleanup_fd_ int fd = -1;
	bool bitlocker = false;

	if (!missing)
		return 0;
	fd = image_open_read(start->names->folder_fd, image.name);
	if (fd >= 0)
		image_bitlocker_read(fd, part_volume(start->names, part).start_bytes, &bitlocker);
	snprintf(start->reason, UNLOCK_REASON_BYTES, "%s",
		 bitlocker ? "BitLocker volumes are not supported" : missing);
	return -EINVAL;
}

static int start_part(struct start *start, const struct part *part)
{
	struct keys_given given = {.ask = true};
	bool encrypted;
	int r;

	if (!wanted_now(start, part))
		return 0;
	r = node_encrypted(start->names, part, &encrypted);
	if (r < 0) {
		snprintf(start->reason, UNLOCK_REASON_BYTES, "%s", strerror(-r));
		return r;
	}
	if (!encrypted)
		return check_raw(start, part);
	r = share_passphrase(start, part);
	if (is_default(start, part_options(start->names, part)))
		given.passphrase = start->shared;
	return r < 0 ? r : keys_unlock_image(start->names, part->name, &given, start->reason);
}

static int unlock_listing(struct start *start, const struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct part *part = &listing->entries[i].part;
		int r = naming_shadowed(start->names, part) ? 0 : start_part(start, part);
		struct naming room;

		if (r < 0 && is_source(start, part))
			return r;
		if (r < 0)
			log_warning("%s: stays locked: %s",
				    naming_volume(start->names, part, &room), start->reason);
	}
	return 0;
}

int keys_unlock_all(struct names *names, char ret_reason[UNLOCK_REASON_BYTES])
{
	struct start start = {.names = names, .reason = ret_reason};
	struct listing *listing;
	int r = listing_new(names, &listing);

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
