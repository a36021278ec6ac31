// SPDX-License-Identifier: MIT
#include "image/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/macros.h"

int sysfs_read(char *text, size_t text_bytes, const char *format, ...)
{
	_cleanup_fd_ int fd = -1;
	char path[PATH_MAX];
	va_list arguments;
	ssize_t n;

	va_start(arguments, format);
	vsnprintf(path, sizeof(path), format, arguments);
	va_end(arguments);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, text_bytes - 1);
	if (n < 0)
		return -errno;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

int sysfs_disk(const char *path, char name[SYSFS_DISK_BYTES])
{
	_cleanup_free_ char *real = realpath(path, NULL);
	char number[16];

	if (!real)
		return -errno;
	/* A partition's folder lies in its disk's. */
	if (sysfs_read(number, sizeof(number), "%s/partition", real) == 0)
		dirname(real);
	snprintf(name, SYSFS_DISK_BYTES, "%s", basename(real));
	return 0;
}
