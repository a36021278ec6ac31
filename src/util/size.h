/* SPDX-License-Identifier: MIT */
/* Sizes as the user types and reads them: K, M, G, T, powers of 1024. */
#ifndef UTIL_SIZE_H
#define UTIL_SIZE_H

#include <stdint.h>

/*
 * "4096", "64K", "1M", "10G", "2T" to bytes. 0, or -EINVAL for anything else (signs, spaces,
 * fractions, unknown letters), -ERANGE if it does not fit into 63 bits. *ret_bytes is untouched
 * on failure.
 */
int size_parse(const char *text, uint64_t *ret_bytes);

/* A whole decimal number up to `limit`. Errors as size_parse. */
int number_parse(const char *text, uint64_t limit, uint64_t *ret_number);

/* "1.5 GiB", "2 GiB" if it is exactly that, "512 B". Returns `text`. */
#define SIZE_TEXT_BYTES 24
char *size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES]);
/* The same in the unit that it gives `like_bytes`: "1536 MiB". */
char *size_format_as(uint64_t bytes, uint64_t like_bytes, char text[SIZE_TEXT_BYTES]);

#endif
