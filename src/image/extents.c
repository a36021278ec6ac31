// SPDX-License-Identifier: MIT
#include "image/extents.h"

#include <errno.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/macros.h"

/* 1024 extents of 56 bytes a call: 10^6 extents are a thousand calls. */
enum {
	EXTENTS_A_CALL = 1024
};

struct extents_walk {
	int (*each)(const struct extent *extent, void *data);
	void *data;
	uint64_t at;  /* everything before has been told */
	uint64_t end; /* size of the image */
	bool synced;  /* dirty pages have been written */
};

static int walk_tell(struct extents_walk *walk, const struct extent *extent)
{
	walk->at = extent->logical + extent->length;
	return walk->each(extent, walk->data);
}

static int walk_hole(struct extents_walk *walk, uint64_t until)
{
	struct extent hole = {.logical = walk->at, .length = until - walk->at, .hole = true};

	return walk->at < until ? walk_tell(walk, &hole) : 0;
}

static int walk_extent(struct extents_walk *walk, const struct fiemap_extent *found)
{
	uint64_t start = max_u64(found->fe_logical, walk->at);
	uint64_t end = min_u64(found->fe_logical + found->fe_length, walk->end);
	struct extent extent;
	int r;

	if (start >= end)
		return 0;
	r = walk_hole(walk, start);
	if (r != 0)
		return r;
	extent = (struct extent){
		.logical = start,
		.physical = found->fe_physical + (start - found->fe_logical),
		.length = end - start,
		.flags = found->fe_flags,
	};
	return walk_tell(walk, &extent);
}

/* One FIEMAP call from walk->at on. */
static int walk_call(struct extents_walk *walk, int fd, bool *ret_last)
{
	union {
		struct fiemap map;
		char bytes[sizeof(struct fiemap) + EXTENTS_A_CALL * sizeof(struct fiemap_extent)];
	} call;
	struct fiemap *map = &call.map;
	int r;

	memset(map, 0, sizeof(*map));
	map->fm_start = walk->at;
	map->fm_length = walk->end - walk->at;
	map->fm_flags = walk->synced ? 0 : FIEMAP_FLAG_SYNC;
	map->fm_extent_count = EXTENTS_A_CALL;
	if (ioctl(fd, FS_IOC_FIEMAP, map) < 0)
		return errno == ENOTTY || errno == EINVAL ? -EOPNOTSUPP : -errno;
	walk->synced = true;
	for (unsigned i = 0; i < map->fm_mapped_extents; i++) {
		r = walk_extent(walk, &map->fm_extents[i]);
		if (r != 0)
			return r;
	}
	*ret_last = map->fm_mapped_extents < EXTENTS_A_CALL;
	return 0;
}

static int walk_all(struct extents_walk *walk, int fd)
{
	bool last = false;

	while (!last && walk->at < walk->end) {
		uint64_t before = walk->at;
		int r = walk_call(walk, fd, &last);

		if (r != 0)
			return r;
		/* Extents that lead nowhere would be asked for again and again. */
		if (!last && walk->at == before)
			return -EIO;
	}
	return walk_hole(walk, walk->end);
}

int extents_each(int fd, uint64_t size_bytes, int (*each)(const struct extent *extent, void *data),
		 void *data)
{
	struct extents_walk walk = {.each = each, .data = data, .end = size_bytes};

	return walk_all(&walk, fd);
}

void extent_summary_add(struct extent_summary *summary, const struct extent *extent)
{
	const uint32_t encoded = FIEMAP_EXTENT_UNKNOWN | FIEMAP_EXTENT_DELALLOC |
				 FIEMAP_EXTENT_ENCODED | FIEMAP_EXTENT_DATA_ENCRYPTED |
				 FIEMAP_EXTENT_NOT_ALIGNED | FIEMAP_EXTENT_DATA_INLINE |
				 FIEMAP_EXTENT_DATA_TAIL;

	summary->count += !extent->hole;
	if (extent->hole)
		summary->hole += extent->length;
	else if (extent->flags & encoded)
		summary->encoded += extent->length;
	else if (extent->flags & FIEMAP_EXTENT_SHARED)
		summary->shared += extent->length;
	else if (extent->flags & FIEMAP_EXTENT_UNWRITTEN)
		summary->unwritten += extent->length;
	else
		summary->written += extent->length;
}

static int summary_each(const struct extent *extent, void *data)
{
	extent_summary_add(data, extent);
	return 0;
}

int extents_summary_from(int fd, uint64_t from_bytes, uint64_t size_bytes,
			 struct extent_summary *ret_summary)
{
	struct extent_summary summary = {0};
	struct extents_walk walk = {
		.each = summary_each, .data = &summary, .at = from_bytes, .end = size_bytes};
	int r = walk_all(&walk, fd);

	if (r == 0)
		*ret_summary = summary;
	return r;
}

int extents_summary(int fd, uint64_t size_bytes, struct extent_summary *ret_summary)
{
	return extents_summary_from(fd, 0, size_bytes, ret_summary);
}

void extent_summary_join(struct extent_summary *summary, const struct extent_summary *part)
{
	summary->count += part->count;
	summary->written += part->written;
	summary->unwritten += part->unwritten;
	summary->hole += part->hole;
	summary->shared += part->shared;
	summary->encoded += part->encoded;
}

uint64_t extents_allocated(const struct extent_summary *summary)
{
	return summary->written + summary->unwritten + summary->shared;
}

bool extents_mapped(const struct extent_summary *summary)
{
	return summary->unwritten == 0 && summary->hole == 0 && summary->shared == 0 &&
	       summary->encoded == 0 && summary->written > 0;
}
