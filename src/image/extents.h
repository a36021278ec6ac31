/* SPDX-License-Identifier: MIT */
/* Where an image lies on the disk, as FIEMAP tells (Documentation/filesystems/fiemap.rst). */
#ifndef IMAGE_EXTENTS_H
#define IMAGE_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

struct extent {
	uint64_t logical;  /* bytes from the start of the image */
	uint64_t physical; /* bytes from the start of the device */
	uint64_t length;   /* bytes */
	uint32_t flags;    /* FIEMAP_EXTENT_* of <linux/fiemap.h>; 0 with physical 0: a hole */
	bool hole;
};

/* Bytes of the image by the state of the block they are in; written excludes shared and encoded. */
struct extent_summary {
	uint64_t count; /* extents, holes not counted */
	uint64_t written;
	uint64_t unwritten; /* allocated, never written: the first write changes metadata */
	uint64_t hole;
	uint64_t shared;  /* with another file: a write goes elsewhere */
	uint64_t encoded; /* compressed, encrypted, inline or of unknown place */
};

/*
 * Calls `each` for every extent and every hole between them, in order, without gaps, clipped to
 * `size_bytes`. Stops at the first nonzero value that `each` returns, and returns it. Dirty pages
 * are written first. Otherwise 0, or negative errno: -EOPNOTSUPP where the filesystem cannot tell.
 * Adjacent extents are given as the filesystem has them.
 */
int extents_each(int fd, uint64_t size_bytes, int (*each)(const struct extent *extent, void *data),
		 void *data);

/* The sum over all extents. Errors as extents_each; *ret_summary untouched then. */
int extents_summary(int fd, uint64_t size_bytes, struct extent_summary *ret_summary);
/* The same for [from_bytes, size_bytes). */
int extents_summary_from(int fd, uint64_t from_bytes, uint64_t size_bytes,
			 struct extent_summary *ret_summary);

/* Adds one extent to the sum. */
void extent_summary_add(struct extent_summary *summary, const struct extent *extent);

/* Adds all of another part of the image. */
void extent_summary_join(struct extent_summary *summary, const struct extent_summary *part);

/* Bytes that surely have blocks of their own. */
uint64_t extents_allocated(const struct extent_summary *summary);

/* Every block is allocated, written and unshared: a write changes no metadata. */
bool extents_mapped(const struct extent_summary *summary);

#endif
