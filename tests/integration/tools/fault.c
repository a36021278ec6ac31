// SPDX-License-Identifier: MIT
/*
 * A disk that fails on demand, for LD_PRELOAD, in what does not go through io_uring: while
 * $PLATTERFS_FAULT.sync exists, fsync(2) and fdatasync(2) give EIO; while $PLATTERFS_FAULT.write
 * exists, the pwrite family does, while $PLATTERFS_FAULT.truncate does, ftruncate(2). Each failure
 * is noted by one byte appended to $PLATTERFS_FAULT.count. While $PLATTERFS_FAULT.slow exists, a
 * flush does not return, and $PLATTERFS_FAULT.slowed says so; while $PLATTERFS_FAULT.crawl exists,
 * each pwrite(2) takes 50 ms.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

static bool told(const char *what)
{
	const char *base = getenv("PLATTERFS_FAULT");
	char path[4096];

	if (!base)
		return false;
	snprintf(path, sizeof(path), "%s.%s", base, what);
	return access(path, F_OK) == 0;
}

static void note(const char *what)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.%s", getenv("PLATTERFS_FAULT"), what);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		if (write(fd, "x", 1) != 1)
			abort();
		close(fd);
	}
}

static bool failing(const char *what)
{
	if (!told(what))
		return false;
	note("count");
	errno = EIO;
	return true;
}

static void slow(void)
{
	if (told("slow"))
		note("slowed");
	while (told("slow"))
		usleep(10000);
}

#define NEXT(name, ...) (((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__))

#define SYNC(name)                                                                                 \
	int name(int fd)                                                                           \
	{                                                                                          \
		slow();                                                                            \
		return failing("sync") ? -1 : NEXT(name, fd);                                      \
	}
#define PWRITE(name)                                                                               \
	ssize_t name(int fd, const void *bytes, size_t length, off_t offset)                       \
	{                                                                                          \
		if (told("crawl"))                                                                 \
			usleep(50000);                                                             \
		return failing("write") ? -1 : NEXT(name, fd, bytes, length, offset);              \
	}
#define PWRITEV2(name)                                                                             \
	ssize_t name(int fd, const struct iovec *iov, int count, off_t offset, int flags)          \
	{                                                                                          \
		return failing("write") ? -1 : NEXT(name, fd, iov, count, offset, flags);          \
	}

#define TRUNCATE(name)                                                                             \
	int name(int fd, off_t length)                                                             \
	{                                                                                          \
		return failing("truncate") ? -1 : NEXT(name, fd, length);                          \
	}

SYNC(fsync)
SYNC(fdatasync)
PWRITE(pwrite)
PWRITE(pwrite64)
PWRITEV2(pwritev2)
PWRITEV2(pwritev64v2)
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)
