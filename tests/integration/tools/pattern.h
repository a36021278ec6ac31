/* SPDX-License-Identifier: MIT */
/*
 * Bytes that say where they belong: each follows from a seed and its offset in the file, so that a
 * lost, stale, torn or misplaced byte shows. Seed 0 means zeros, as in holes and fresh images.
 */
#ifndef TOOLS_PATTERN_H
#define TOOLS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

static inline uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15ull + index;

	if (seed == 0)
		return 0;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint8_t pattern_byte(uint64_t seed, uint64_t offset)
{
	return (uint8_t)(pattern_word(seed, offset / 8) >> (offset % 8 * 8));
}

static inline void pattern_fill(uint64_t seed, uint64_t offset, void *buffer, size_t length)
{
	uint8_t *bytes = buffer;
	size_t i = 0;

	while (i < length && (offset + i) % 8)
		bytes[i] = pattern_byte(seed, offset + i), i++;
	for (; i + 8 <= length; i += 8) {
		uint64_t word = pattern_word(seed, (offset + i) / 8);

		__builtin_memcpy(bytes + i, &word, 8);
	}
	for (; i < length; i++)
		bytes[i] = pattern_byte(seed, offset + i);
}

#endif
