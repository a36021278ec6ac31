// SPDX-License-Identifier: MIT
#include "crypt/header_copy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/macros.h"

/* The image may be open for direct I/O: whole pages, to memory that starts on one. */
#define PAGE_BYTES  4096u
#define PIECE_BYTES (256 * KIB)

int header_copy_open(int source_fd, uint64_t start_bytes, uint64_t length_bytes,
		     struct header_copy *ret_copy)
{
	_cleanup_fd_ int fd = memfd_create("header", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)length_bytes) < 0)
		return -errno;
	*ret_copy = (struct header_copy){.source_fd = source_fd,
					 .start_bytes = start_bytes,
					 .length_bytes = length_bytes,
					 .fd = fd};
	snprintf(ret_copy->path, sizeof(ret_copy->path), "/proc/self/fd/%d", fd);
	fd = -1;
	return 0;
}

void header_copy_close(struct header_copy *copy)
{
	close(copy->fd);
}

/* `from` is a multiple of the page's size, and so is the length; less than that only at the end. */
static ssize_t piece_read(int fd, void *piece, uint64_t from, uint64_t length)
{
	uint64_t done = 0;

	while (done < length) {
		ssize_t n = pread(fd, (char *)piece + done, length - done, (off_t)(from + done));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (uint64_t)n;
		/* The end, which direct I/O cannot go on from if it is not aligned. */
		if (n == 0 || (n > 0 && done % PAGE_BYTES != 0))
			break;
	}
	return (ssize_t)done;
}

static int piece_write(int fd, const char *bytes, uint64_t length, uint64_t offset)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, bytes, length, (off_t)offset);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			length -= (uint64_t)n;
			offset += (uint64_t)n;
		}
	}
	return 0;
}

/* Bytes `from` to `end` of the file, at most PIECE_BYTES from where the page of `from` begins. */
static int piece_copy(const struct header_copy *copy, void *piece, uint64_t from, uint64_t end)
{
	uint64_t page = round_down(from, PAGE_BYTES);
	ssize_t got = piece_read(copy->source_fd, piece, page, round_up(end, PAGE_BYTES) - page);

	if (got < 0)
		return (int)got;
	end = min_u64(end, page + (uint64_t)got);
	if (end <= from)
		return -EIO;
	return piece_write(copy->fd, (char *)piece + (from - page), end - from,
			   from - copy->start_bytes);
}

int header_copy_range(const struct header_copy *copy, uint64_t offset, uint64_t length)
{
	uint64_t from = copy->start_bytes + min_u64(offset, copy->length_bytes);
	uint64_t end = from + min_u64(length, copy->start_bytes + copy->length_bytes - from);
	_cleanup_free_ void *piece = aligned_alloc(PAGE_BYTES, PIECE_BYTES);
	int r = piece ? 0 : -ENOMEM;

	while (r == 0 && from < end) {
		uint64_t next = min_u64(end, round_down(from, PAGE_BYTES) + PIECE_BYTES);

		r = piece_copy(copy, piece, from, next);
		from = next;
	}
	return r;
}
