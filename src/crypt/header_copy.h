/* SPDX-License-Identifier: MIT */
/*
 * What libcryptsetup sees instead of the image: a memfd of the window's length, all hole but for
 * the headers that were copied. It takes no header at an offset, so a window needs one anyway; and
 * it may repair a damaged LUKS2 header unasked (not while its locks are off, as here, but that is
 * its own affair), which no image shall suffer for being looked at. As it never learns of a path to
 * the image, a limit on what the process may write (RLIMIT_FSIZE) would protect nothing more.
 */
#ifndef CRYPT_HEADER_COPY_H
#define CRYPT_HEADER_COPY_H

#include <stdint.h>

struct header_copy {
	int source_fd;
	uint64_t start_bytes, length_bytes; /* the window */
	int fd;
	char path[32]; /* for libcryptsetup */
};

/* 0 or negative errno. The caller ends it with header_copy_close(); `source_fd` stays its own. */
int header_copy_open(int source_fd, uint64_t start_bytes, uint64_t length_bytes,
		     struct header_copy *ret_copy);
void header_copy_close(struct header_copy *copy);

/* Copies these bytes of the window, as far as it has them. 0 or negative errno. */
int header_copy_range(const struct header_copy *copy, uint64_t offset, uint64_t length);

#endif
