// SPDX-License-Identifier: MIT
#include "mount/part.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "image/type.h"
#include "mount/namespace.h"
#include "util/log.h"
#include "util/macros.h"

/* Lines in the log; an image of which there is more to say has been said enough of. */
#define SAID_LIMIT 1000u

struct part_image part_image(const struct part *part)
{
	struct part_image image = {.name = ""};
	unsigned number;
	size_t length = part->partition.number ? partition_stem(part->name, &number)
					       : strlen(part->name);

	if (length < sizeof(image.name))
		memcpy(image.name, part->name, length);
	return image;
}

/* Options ------------------------------------------------------------------ */

bool part_has_line(const struct names *names, const struct part *part)
{
	return table_find_image(&names->table, part->name) != NULL;
}

const struct image_options *part_options(const struct names *names, const struct part *part)
{
	const struct table_entry *entry = table_find_image(&names->table, part->name);

	if (!entry && part->partition.number) {
		struct part_image image = part_image(part);

		entry = table_find_image(&names->table, image.name);
	}
	return entry ? &entry->options : &names->options->image;
}

struct volume_options part_volume(const struct names *names, const struct part *part)
{
	struct volume_options options = part_options(names, part)->volume;

	if (part->partition.number) {
		options.start_bytes = part->partition.start_bytes;
		options.length_bytes = part->partition.length_bytes;
	}
	return options;
}

bool part_wanted(const struct names *names)
{
	for (size_t i = 0; i < names->table.count; i++)
		if (names->table.entries[i].options.partitions)
			return true;
	return names->options->image.partitions;
}

/* Partitions --------------------------------------------------------------- */

static bool shows_partitions(const struct names *names, const char *image)
{
	const struct part whole = {.name = image};
	const struct image_options *options = part_options(names, &whole);

	return options->partitions && !names->root_is_image && !options->header &&
	       (options->kind == KIND_AUTO || options->kind == KIND_RAW) &&
	       options->volume.start_bytes == 0 && options->volume.length_bytes == 0;
}

/* An image that begins with a LUKS header shows none, whatever looks like a table in it. */
static int check_type(const struct names *names, const char *image, int fd,
		      struct partitions *partitions)
{
	const struct part whole = {.name = image};
	enum image_type type = IMAGE_RAW;
	int r = 0;

	if (partitions->count > 0 && part_options(names, &whole)->kind == KIND_AUTO)
		r = image_type_read(fd, 0, &type);
	if (r < 0 || type != IMAGE_RAW)
		partitions->count = 0;
	return r;
}

int part_list(const struct names *names, const char *image, struct partitions *ret_partitions,
	      const char **ret_reason)
{
	_cleanup_fd_ int fd = -1;
	struct stat status;
	int r;

	ret_partitions->count = 0;
	*ret_reason = NULL;
	if (!shows_partitions(names, image))
		return 0;
	r = fd = image_open_direct(names->folder_fd, image);
	if (r < 0)
		return r;
	if (fstat(fd, &status) < 0)
		return -errno;
	r = partitions_read(fd, (uint64_t)status.st_size, ret_partitions, ret_reason);
	return r < 0 ? r : check_type(names, image, fd, ret_partitions);
}

bool part_holds(const struct part *part, int fd, uint64_t size_bytes)
{
	struct partitions partitions;
	const struct partition *now;
	const char *reason;

	if (partitions_read(fd, size_bytes, &partitions, &reason) < 0)
		return false;
	now = partitions_find(&partitions, part->partition.number);
	return now && !now->flaw && now->start_bytes == part->partition.start_bytes &&
	       now->length_bytes == part->partition.length_bytes;
}

/* Finding ------------------------------------------------------------------ */

static int image_status(const struct names *names, const char *name, struct stat *ret_status)
{
	const char *reason;
	_cleanup_fd_ int fd = -1;
	int r;

	if (names->only && strcmp(names->only, name) != 0)
		return -ENOENT;
	r = fd = image_find(names->folder_fd, name, &reason);
	/* Folders, links, devices: for the mount, they do not exist. */
	if (r == -EISDIR || r == -EINVAL || r == -ELOOP || r == -EXDEV || r == -ENOTDIR)
		return -ENOENT;
	if (r < 0)
		return r;
	return fstat(fd, ret_status) < 0 ? -errno : 0;
}

static int find_partition(struct names *names, struct part *part)
{
	struct part_image image = part_image(part);
	struct partitions partitions;
	const struct partition *found;
	const char *reason;
	int r = part_list(names, image.name, &partitions, &reason);

	if (r < 0) {
		part_say(names, image.name, 0, reason ? reason : strerror(-r));
		return -ENOENT;
	}
	found = partitions_find(&partitions, part->partition.number);
	if (!found)
		return -ENOENT;
	if (found->flaw) {
		part_say(names, image.name, found->number, found->flaw);
		return -ENOENT;
	}
	part->partition = *found;
	return 0;
}

int part_find(struct names *names, const char *name, struct part *ret_part, struct stat *ret_status)
{
	struct part part = {.name = name};
	struct part_image image;
	int r;

	if (strchr(name, '/'))
		return -ENOENT;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	r = image_status(names, name, ret_status);
	if (r == -ENOENT && part_wanted(names) && partition_stem(name, &part.partition.number)) {
		image = part_image(&part);
		r = image_status(names, image.name, ret_status);
		if (r == 0)
			r = find_partition(names, &part);
	}
	if (r == 0)
		*ret_part = part;
	return r;
}

/* The log ------------------------------------------------------------------ */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Whether nobody has said it before. */
static bool say_first(struct names *names, char *text)
{
	void **found = NULL;

	pthread_mutex_lock(&names->mutex);
	if (names->said_count < SAID_LIMIT)
		found = tsearch(text, &names->said, compare_texts);
	names->said_count += found && *found == text;
	pthread_mutex_unlock(&names->mutex);
	return found && *found == text;
}

/* Tables are read at every look at the folder: what they are like is told once. */
void part_say(struct names *names, const char *image, unsigned number, const char *reason)
{
	char *text;
	int length = number ? asprintf(&text, "%s.p%u: not shown: %s", image, number, reason)
			    : asprintf(&text, "%s: no partitions: %s", image, reason);

	if (length < 0)
		return;
	if (say_first(names, text))
		log_warning("%s", text);
	else
		free(text);
}

void part_forget_said(struct names *names)
{
	tdestroy(names->said, free);
	names->said = NULL;
}
