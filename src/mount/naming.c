// SPDX-License-Identifier: MIT
#include "mount/naming.h"

#include <string.h>

#include "mount/namespace.h"

const struct image_options *naming_options(const struct names *names, const char *name)
{
	const struct table_entry *entry = table_find_image(&names->table, name);

	return entry ? &entry->options : &names->options->image;
}

const char *naming_image(const struct names *names, const char *volume)
{
	const struct table_entry *entry = table_find_volume(&names->table, volume);

	return entry ? table_image_name(entry) : volume;
}

const char *naming_volume(const struct names *names, const char *image)
{
	const struct table_entry *entry = table_find_image(&names->table, image);

	return entry ? entry->volume : image;
}

bool naming_shadowed(const struct names *names, const char *image)
{
	return strcmp(naming_image(names, naming_volume(names, image)), image) != 0;
}

bool naming_passthrough(const struct names *names)
{
	for (size_t i = 0; i < names->table.count; i++)
		if (names->table.entries[i].options.passthrough)
			return true;
	return names->options->image.passthrough;
}
