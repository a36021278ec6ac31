// SPDX-License-Identifier: MIT
/*
 * Single steps on a file, for the shell: one write, one sync, a read that no page cache answers.
 * A failed step prints "bytes: STEP: ERRNO" (with errno's name) and exits 1; different bytes
 * exit 3.
 *
 *   bytes pattern SEED START LENGTH           the pattern on standard output
 *   bytes read FILE START LENGTH              the file's bytes on standard output, read directly
 *   bytes check FILE START LENGTH SEED...     each byte must be that of one of the patterns
 *   bytes write FILE START LENGTH SEED [direct|dsync]...   one pwritev2(2), which must not be short
 *   bytes fsync|fdatasync FILE
 *   bytes truncate FILE SIZE
 *   bytes open FILE r|w|rw [trunc|create]...
 *   bytes stride FILE COUNT LENGTH STRIDE     COUNT pieces, so that each becomes an extent
 *
 * FILE "@N" is the descriptor N, inherited from the shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pattern.h"

#define CHUNK ((size_t)1 << 20)
#define ALIGN ((uint64_t)4096)

static int fail(const char *step)
{
	fprintf(stderr, "bytes: %s: %s\n", step, strerrorname_np(errno));
	return 1;
}

static void *buffer_new(size_t length)
{
	void *buffer = aligned_alloc(ALIGN, (length + ALIGN - 1) / ALIGN * ALIGN + ALIGN);

	if (!buffer)
		abort();
	return buffer;
}

/* O_DIRECT where the filesystem has it. */
static int file_open(const char *name, int flags)
{
	int fd;

	if (name[0] == '@')
		return atoi(name + 1);
	fd = open(name, flags | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EINVAL && (flags & O_DIRECT))
		fd = open(name, (flags & ~O_DIRECT) | O_CLOEXEC, 0600);
	return fd;
}

static int out(const void *buffer, size_t length)
{
	return fwrite(buffer, 1, length, stdout) == length ? 0 : fail("stdout");
}

static int pattern_print(uint64_t seed, uint64_t start, uint64_t length)
{
	uint8_t *buffer = buffer_new(CHUNK);

	while (length) {
		size_t n = length < CHUNK ? length : CHUNK;

		pattern_fill(seed, start, buffer, n);
		if (out(buffer, n))
			return 1;
		start += n;
		length -= n;
	}
	return 0;
}

/* Hands the bytes [start, start + length), read in aligned pieces, to `each`. */
static int read_each(const char *name, uint64_t start, uint64_t length,
		     int (*each)(const uint8_t *bytes, uint64_t offset, size_t length, void *data),
		     void *data)
{
	int fd = file_open(name, O_RDONLY | O_DIRECT);
	uint8_t *buffer = buffer_new(CHUNK);
	uint64_t end = start + length, at = start / ALIGN * ALIGN;

	if (fd < 0)
		return fail("open");
	while (length && at < end) {
		ssize_t n = pread(fd, buffer, CHUNK, (off_t)at);
		uint64_t first = at < start ? start : at, last;
		int error;

		if (n < 0)
			return fail("read");
		last = at + (uint64_t)n < end ? at + (uint64_t)n : end;
		if (last <= first) {
			fprintf(stderr, "bytes: read: end of file at %" PRIu64 "\n",
				at + (uint64_t)n);
			return 1;
		}
		error = each(buffer + (first - at), first, last - first, data);
		if (error)
			return error;
		at = last;
		if (at % ALIGN && at < end) /* the file ends inside a block */
			at = at / ALIGN * ALIGN, start = last;
	}
	return 0;
}

static int read_print(const uint8_t *bytes, uint64_t offset, size_t length, void *data)
{
	(void)offset, (void)data;
	return out(bytes, length);
}

struct seeds {
	int count;
	uint64_t seed[16];
};

static bool seeds_have(const struct seeds *seeds, uint64_t offset, uint8_t byte)
{
	for (int i = 0; i < seeds->count; i++)
		if (pattern_byte(seeds->seed[i], offset) == byte)
			return true;
	return false;
}

static int read_check(const uint8_t *bytes, uint64_t offset, size_t length, void *data)
{
	for (size_t i = 0; i < length; i++)
		if (!seeds_have(data, offset + i, bytes[i])) {
			fprintf(stderr, "bytes: check: byte %" PRIu64 " is %02x%s\n", offset + i,
				bytes[i], bytes[i] ? "" : " (zero: never written?)");
			return 3;
		}
	return 0;
}

static int step_check(char **argv)
{
	struct seeds seeds = {0};

	for (int i = 3; argv[i] && seeds.count < 16; i++)
		seeds.seed[seeds.count++] = strtoull(argv[i], NULL, 0);
	return read_each(argv[0], strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0),
			 read_check, &seeds);
}

static int step_write(char **argv)
{
	uint64_t start = strtoull(argv[1], NULL, 0), length = strtoull(argv[2], NULL, 0);
	int flags = O_WRONLY, rwf = 0, fd;
	void *buffer = buffer_new(length);
	ssize_t n;

	for (int i = 4; argv[i]; i++) {
		flags |= strcmp(argv[i], "direct") == 0 ? O_DIRECT : 0;
		rwf |= strcmp(argv[i], "dsync") == 0 ? RWF_DSYNC : 0;
	}
	fd = file_open(argv[0], flags);
	if (fd < 0)
		return fail("open");
	pattern_fill(strtoull(argv[3], NULL, 0), start, buffer, length);
	n = pwritev2(fd, &(struct iovec){buffer, length}, 1, (off_t)start, rwf);
	if (n < 0)
		return fail("write");
	if ((uint64_t)n != length) {
		fprintf(stderr, "bytes: write: %zd of %" PRIu64 " bytes\n", n, length);
		return 1;
	}
	return 0;
}

static int step_open(char **argv)
{
	int flags = O_RDONLY;

	if (strcmp(argv[1], "w") == 0)
		flags = O_WRONLY;
	else if (strcmp(argv[1], "rw") == 0)
		flags = O_RDWR;
	for (int i = 2; argv[i]; i++) {
		flags |= strcmp(argv[i], "trunc") == 0 ? O_TRUNC : 0;
		flags |= strcmp(argv[i], "create") == 0 ? O_CREAT : 0;
	}
	return file_open(argv[0], flags) < 0 ? fail("open") : 0;
}

static int step_stride(char **argv)
{
	uint64_t count = strtoull(argv[1], NULL, 0), length = strtoull(argv[2], NULL, 0);
	uint64_t stride = strtoull(argv[3], NULL, 0);
	int fd = file_open(argv[0], O_RDWR | O_CREAT | O_DIRECT);
	void *buffer = buffer_new(length);

	if (fd < 0)
		return fail("open");
	memset(buffer, 'x', length);
	for (uint64_t i = 0; i < count; i++)
		if (pwrite(fd, buffer, length, (off_t)(i * stride)) != (ssize_t)length)
			return fail("write");
	return fsync(fd) ? fail("fsync") : 0;
}

static int step_sync(const char *step, char **argv)
{
	int fd = file_open(argv[0], O_RDWR);

	if (fd < 0)
		return fail("open");
	return (strcmp(step, "fsync") == 0 ? fsync(fd) : fdatasync(fd)) ? fail(step) : 0;
}

static int step_truncate(char **argv)
{
	int fd = file_open(argv[0], O_RDWR);

	if (fd < 0)
		return fail("open");
	return ftruncate(fd, strtoll(argv[1], NULL, 0)) ? fail("truncate") : 0;
}

int main(int argc, char **argv)
{
	const char *step = argc > 2 ? argv[1] : "";

	argv += 2;
	argc -= 2;
	if (strcmp(step, "pattern") == 0 && argc == 3)
		return pattern_print(strtoull(argv[0], NULL, 0), strtoull(argv[1], NULL, 0),
				     strtoull(argv[2], NULL, 0));
	if (strcmp(step, "read") == 0 && argc == 3)
		return read_each(argv[0], strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0),
				 read_print, NULL);
	if (strcmp(step, "check") == 0 && argc >= 4)
		return step_check(argv);
	if (strcmp(step, "write") == 0 && argc >= 4)
		return step_write(argv);
	if (strcmp(step, "open") == 0 && argc >= 2)
		return step_open(argv);
	if (strcmp(step, "stride") == 0 && argc == 4)
		return step_stride(argv);
	if ((strcmp(step, "fsync") == 0 || strcmp(step, "fdatasync") == 0) && argc == 1)
		return step_sync(step, argv);
	if (strcmp(step, "truncate") == 0 && argc == 2)
		return step_truncate(argv);
	fprintf(stderr, "bytes: see the head of tools/bytes.c\n");
	return 2;
}
