/* SPDX-License-Identifier: MIT */
/* Blocks are asked for before they are needed, so that a full filesystem says so early. */
#ifndef IMAGE_SPACE_H
#define IMAGE_SPACE_H

#include <stdint.h>

/* -ENOSPC if the filesystem surely has no room for that many more bytes; changes nothing. */
int space_check(int fd, uint64_t bytes);

/*
 * Allocates all holes of [0, size_bytes) without writing them; the size of the file stays. 0,
 * -EOPNOTSUPP where the filesystem cannot, -ENOSPC, -EINTR, ... (some holes may be allocated then).
 */
int space_reserve(int fd, uint64_t size_bytes);

#endif
