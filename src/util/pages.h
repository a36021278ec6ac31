/* SPDX-License-Identifier: MIT */
/* A few bytes of a file that may be open for direct I/O, which knows whole pages only. */
#ifndef UTIL_PAGES_H
#define UTIL_PAGES_H

#include <stdint.h>

struct pages {
	char *memory; /* to be freed by the caller */
	char *bytes;  /* the wanted ones; zeros where the file ends before */
};

/* Reads `length` bytes at byte `at`. 0 or negative errno. */
int pages_read(int fd, uint64_t at, uint64_t length, struct pages *ret_pages);

#endif
