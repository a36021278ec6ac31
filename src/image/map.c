// SPDX-License-Identifier: MIT
#include "image/map.h"

#include <errno.h>

#include "image/extents.h"
#include "util/macros.h"
#include "util/size.h"

/* A cell is never smaller than this: there are no smaller blocks. */
#define MAP_CELL_MIN_BYTES 512u

enum map_state {
	MAP_WRITTEN,
	MAP_UNWRITTEN,
	MAP_HOLE,
	MAP_SHARED,
	MAP_ENCODED,
	MAP_STATE_COUNT,
};

static const struct {
	const char *utf8;
	const char *ascii;
	const char *name;
} map_signs[MAP_STATE_COUNT] = {
	[MAP_WRITTEN] = {"\u2588", "#", "written"},
	[MAP_UNWRITTEN] = {"\u2592", "u", "allocated, never written"},
	[MAP_HOLE] = {"\u00b7", ".", "hole"},
	[MAP_SHARED] = {"\u2584", "s", "shared with another file"},
	[MAP_ENCODED] = {"\u2573", "x", "compressed, encrypted or not told"},
};

struct map {
	uint64_t size_bytes;
	uint64_t cell_bytes;
	uint64_t cells[MAP_CELLS][MAP_STATE_COUNT]; /* bytes */
	uint64_t totals[MAP_STATE_COUNT];
	uint64_t extents;
	uint64_t fragments;    /* runs that are one piece on the device too */
	uint64_t logical_end;  /* of the last extent, */
	uint64_t physical_end; /* and where on the device */
};

static enum map_state map_state(const struct extent *extent)
{
	struct extent_summary one = {0};

	extent_summary_add(&one, extent);
	return one.hole        ? MAP_HOLE
	       : one.encoded   ? MAP_ENCODED
	       : one.shared    ? MAP_SHARED
	       : one.unwritten ? MAP_UNWRITTEN
			       : MAP_WRITTEN;
}

static void map_count(struct map *map, const struct extent *extent)
{
	if (extent->hole)
		return;
	map->extents++;
	if (map->fragments == 0 || extent->logical != map->logical_end ||
	    extent->physical != map->physical_end)
		map->fragments++;
	map->logical_end = extent->logical + extent->length;
	map->physical_end = extent->physical + extent->length;
}

static int map_add(const struct extent *extent, void *data)
{
	struct map *map = data;
	enum map_state state = map_state(extent);
	uint64_t end = extent->logical + extent->length;

	map->totals[state] += extent->length;
	for (uint64_t at = extent->logical; at < end;) {
		uint64_t cell = at / map->cell_bytes;
		uint64_t until = min_u64((cell + 1) * map->cell_bytes, end);

		map->cells[cell][state] += until - at;
		at = until;
	}
	map_count(map, extent);
	return 0;
}

/* One block that is not written matters, so written is only what is wholly written. */
static enum map_state cell_state(const uint64_t cell[MAP_STATE_COUNT])
{
	enum map_state most = MAP_WRITTEN;
	uint64_t most_bytes = 0;

	for (enum map_state state = MAP_UNWRITTEN; state < MAP_STATE_COUNT; state++) {
		if (cell[state] > most_bytes) {
			most = state;
			most_bytes = cell[state];
		}
	}
	return most;
}

static const char *map_sign(enum map_state state, bool utf8)
{
	return utf8 ? map_signs[state].utf8 : map_signs[state].ascii;
}

static void map_draw_cells(FILE *out, const struct map *map, bool utf8)
{
	uint64_t count = (map->size_bytes + map->cell_bytes - 1) / map->cell_bytes;
	char text[SIZE_TEXT_BYTES];

	for (uint64_t i = 0; i < count; i++) {
		if (i % MAP_ROW_CELLS == 0)
			fprintf(out, "%s%9s  ", i ? "\n" : "",
				size_format_as(i * map->cell_bytes, MAP_ROW_CELLS * map->cell_bytes,
					       text));
		fputs(map_sign(cell_state(map->cells[i]), utf8), out);
	}
	fputs("\n\n", out);
}

static void map_draw_legend(FILE *out, const struct map *map, bool utf8)
{
	char text[SIZE_TEXT_BYTES];

	for (enum map_state state = 0; state < MAP_STATE_COUNT; state++)
		if (map->totals[state])
			fprintf(out, "%9s  %s %s\n", size_format(map->totals[state], text),
				map_sign(state, utf8), map_signs[state].name);
	fprintf(out, "One cell is %s; it is drawn as written only if all of it is.\n",
		size_format(map->cell_bytes, text));
}

static void map_draw_fragments(FILE *out, const struct map *map)
{
	uint64_t allocated = map->size_bytes - map->totals[MAP_HOLE];
	char text[SIZE_TEXT_BYTES];

	if (map->fragments == 0)
		fputs("Nothing is allocated.\n", out);
	else if (map->fragments == 1)
		fputs("It is one piece on the device.\n", out);
	else
		fprintf(out, "It is %llu pieces on the device, %s on average%s.\n",
			(unsigned long long)map->fragments,
			size_format(allocated / map->fragments, text),
			allocated / map->fragments < MIB && allocated > MIB
				? ": fragmented, a copy into a new image would be faster"
				: "");
}

int image_map_draw(FILE *out, int fd, uint64_t size_bytes, bool utf8)
{
	_cleanup_free_ struct map *map = calloc(1, sizeof(*map));
	int r;

	if (!map)
		return -ENOMEM;
	map->size_bytes = size_bytes;
	map->cell_bytes = MAP_CELL_MIN_BYTES;
	while (map->cell_bytes < (size_bytes + MAP_CELLS - 1) / MAP_CELLS)
		map->cell_bytes *= 2;
	r = extents_each(fd, size_bytes, map_add, map);
	if (r < 0)
		return r;
	if (size_bytes > 0)
		map_draw_cells(out, map, utf8);
	map_draw_legend(out, map, utf8);
	map_draw_fragments(out, map);
	return 0;
}
