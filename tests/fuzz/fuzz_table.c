// SPDX-License-Identifier: MIT
/* A table of volumes, lines in the form of crypttab(5). */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mount/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entry(const struct table *table, const struct table_entry *entry)
{
	assert(entry->volume && entry->volume[0] && !strchr(entry->volume, '/'));
	assert(strcmp(entry->volume, ".") != 0 && strcmp(entry->volume, "..") != 0);
	assert(entry->image && entry->image[0] && entry->line > 0);
	/* Names are there once: finding one finds this entry. */
	assert(table_find_volume(table, entry->volume) == entry);
	assert(table_find_image(table, table_image_name(entry)) == entry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *file = fmemopen((void *)data, size, "r");
	struct image_options defaults;
	struct table table = {0};
	char *error = NULL;
	int r;

	if (!file) /* of no bytes */
		return 0;
	image_options_init(&defaults);
	r = table_parse(file, "table", &defaults, &table, &error);
	assert((r < 0) == (error != NULL));
	assert(!error || strncmp(error, "table:", 6) == 0);
	for (size_t i = 0; r == 0 && i < table.count; i++)
		check_entry(&table, &table.entries[i]);
	if (r == 0)
		table_destroy(&table);
	free(error);
	image_options_destroy(&defaults);
	fclose(file);
	return 0;
}
