// SPDX-License-Identifier: MIT
#include "image/space.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

int space_check(int fd, uint64_t bytes)
{
	struct statvfs status;
	uint64_t blocks;

	if (fstatvfs(fd, &status) < 0)
		return -errno;
	/* ramfs has no limit and says that nothing is free. */
	if (status.f_blocks == 0 || status.f_frsize == 0)
		return 0;
	/* Root may use what is reserved for it. */
	blocks = geteuid() == 0 ? status.f_bfree : status.f_bavail;
	return bytes / status.f_frsize > blocks ? -ENOSPC : 0;
}

int space_reserve(int fd, uint64_t size_bytes)
{
	return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes) < 0 ? -errno : 0;
}
