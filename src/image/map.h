/* SPDX-License-Identifier: MIT */
/* The extent map as text: a picture of at most MAP_CELLS cells, a legend, and how scattered it is.
 */
#ifndef IMAGE_MAP_H
#define IMAGE_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MAP_ROW_CELLS 64u
#define MAP_CELLS     (16u * MAP_ROW_CELLS)

/*
 * Draws the map of an open file to `out`, with block characters if `utf8`. Memory is bounded
 * however many extents there are. Errors as extents_each(); nothing is drawn then.
 */
int image_map_draw(FILE *out, int fd, uint64_t size_bytes, bool utf8);

#endif
