// SPDX-License-Identifier: MIT
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* QEMU block/file-posix.c: RAW_LOCK_PERM_BASE, RAW_LOCK_SHARED_BASE, and block-common.h's bits. */
enum {
	LOCK_PERMISSION_BASE = 100,
	LOCK_UNSHARED_BASE = 200,

	PERMISSION_READ = 1 << 0,
	PERMISSION_WRITE = 1 << 1,
	PERMISSION_WRITE_UNCHANGED = 1 << 2,
	PERMISSION_RESIZE = 1 << 3,
	PERMISSION_COUNT = 4,
};

static struct flock lock_byte(short type, int base, int bit)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = base + bit, .l_len = 1};
}

/* A read lock on each byte of `bits` tells others; any number of openers may hold it. */
static int lock_tell(int fd, int base, int bits)
{
	for (int bit = 0; bit < PERMISSION_COUNT; bit++) {
		struct flock lock = lock_byte(F_RDLCK, base, bit);

		if (bits & 1 << bit && fcntl(fd, F_OFD_SETLK, &lock) < 0)
			return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
	}
	return 0;
}

/* Whether somebody else told one of `bits`: only then a write lock would not be granted. */
static int lock_ask(int fd, int base, int bits)
{
	for (int bit = 0; bit < PERMISSION_COUNT; bit++) {
		struct flock lock = lock_byte(F_WRLCK, base, bit);

		if (!(bits & 1 << bit))
			continue;
		if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
			return -errno;
		if (lock.l_type != F_UNLCK)
			return -EBUSY;
	}
	return 0;
}

/* First tell, then ask: of two that come at once at least one sees the other. */
int image_lock(int fd, bool writer)
{
	int does = PERMISSION_READ;
	int unshared = PERMISSION_WRITE | PERMISSION_RESIZE;
	int r;

	if (writer) {
		does |= PERMISSION_WRITE | PERMISSION_RESIZE;
		unshared |= PERMISSION_WRITE_UNCHANGED;
	}
	r = lock_tell(fd, LOCK_PERMISSION_BASE, does);
	if (r == 0)
		r = lock_tell(fd, LOCK_UNSHARED_BASE, unshared);
	if (r == 0)
		r = lock_ask(fd, LOCK_UNSHARED_BASE, does);
	if (r == 0)
		r = lock_ask(fd, LOCK_PERMISSION_BASE, unshared);
	return r;
}
