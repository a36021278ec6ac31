// SPDX-License-Identifier: MIT
#include "mount/naming.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "image/image.h"
#include "mount/namespace.h"
#include "mount/part.h"
#include "util/macros.h"

static bool is_file(const struct names *names, const char *name)
{
	const char *reason;
	_cleanup_fd_ int fd = names->only ? -1 : image_find(names->folder_fd, name, &reason);

	return fd >= 0;
}

/* "data.p1", where the table calls the image data.img "data"; unless a file is called so. */
static const char *image_renamed(const struct names *names, const char *volume, struct naming *room)
{
	const struct table_entry *entry;
	unsigned number;
	size_t length = part_wanted(names) ? partition_stem(volume, &number) : 0;

	if (length == 0 || length >= sizeof(room->text))
		return NULL;
	snprintf(room->text, sizeof(room->text), "%.*s", (int)length, volume);
	entry = table_find_volume(&names->table, room->text);
	if (!entry || is_file(names, volume))
		return NULL;
	snprintf(room->text, sizeof(room->text), "%s.p%u", table_image_name(entry), number);
	return room->text;
}

const char *naming_image(const struct names *names, const char *volume, struct naming *room)
{
	const struct table_entry *entry = table_find_volume(&names->table, volume);
	const char *renamed;

	if (names->root_is_image)
		return names->only;
	if (entry)
		return table_image_name(entry);
	renamed = image_renamed(names, volume, room);
	return renamed ? renamed : volume;
}

const char *naming_volume(const struct names *names, const struct part *part, struct naming *room)
{
	const struct table_entry *entry = table_find_image(&names->table, part->name);
	struct part_image image;

	if (entry || !part->partition.number)
		return entry ? entry->volume : part->name;
	image = part_image(part);
	entry = table_find_image(&names->table, image.name);
	if (!entry)
		return part->name;
	snprintf(room->text, sizeof(room->text), "%s.p%u", entry->volume, part->partition.number);
	return room->text;
}

bool naming_shadowed(const struct names *names, const struct part *part)
{
	struct naming volume, image;

	return strcmp(naming_image(names, naming_volume(names, part, &volume), &image),
		      part->name) != 0;
}

bool naming_passthrough(const struct names *names)
{
	for (size_t i = 0; i < names->table.count; i++)
		if (names->table.entries[i].options.passthrough)
			return true;
	return names->options->image.passthrough;
}
