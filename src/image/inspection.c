// SPDX-License-Identifier: MIT
#include "image/inspection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/filesystem.h"
#include "image/image.h"
#include "util/macros.h"

static int inspection_reopen(struct inspection *seen, int path_fd)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	seen->fd = open(path, flags | O_DIRECT);
	seen->direct = seen->fd >= 0;
	if (seen->fd < 0 && errno == EINVAL)
		seen->fd = open(path, flags);
	return seen->fd < 0 ? -errno : 0;
}

static int inspection_status(struct inspection *seen)
{
	struct statx aligned;
	struct stat status;

	if (fstat(seen->fd, &status) < 0)
		return -errno;
	seen->size_bytes = (uint64_t)status.st_size;
	seen->device = status.st_dev;
	seen->inode = status.st_ino;
	seen->block_bytes = IMAGE_PAGE_BYTES;
	if (statx(seen->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &aligned) == 0 &&
	    aligned.stx_mask & STATX_DIOALIGN) {
		seen->block_bytes = aligned.stx_dio_offset_align;
		/* ext4 with data=journal opens with O_DIRECT and then goes through the page cache.
		 */
		seen->direct = seen->direct && seen->block_bytes != 0;
	}
	return 0;
}

static int inspection_extents(struct inspection *seen)
{
	int r = extents_summary(seen->fd, seen->size_bytes, &seen->extents);

	seen->extents_known = r == 0;
	if (r == -EOPNOTSUPP)
		seen->extents.encoded = seen->size_bytes;
	seen->copy_on_write = filesystem_copies_on_write(seen->fd);
	return r == -EOPNOTSUPP ? 0 : r;
}

static int inspection_type(struct inspection *seen)
{
	int r;

	if (!seen->direct)
		posix_fadvise(seen->fd, 0, 0, POSIX_FADV_RANDOM);
	r = image_type_read(seen->fd, 0, &seen->type);
	if (!seen->direct)
		posix_fadvise(seen->fd, 0, IMAGE_PAGE_BYTES, POSIX_FADV_DONTNEED);
	return r;
}

int inspection_open(const char *path, struct inspection *ret_inspection, const char **ret_reason)
{
	struct inspection seen = {.fd = -1};
	_cleanup_fd_ int path_fd = image_find(AT_FDCWD, path, ret_reason);
	int r;

	if (path_fd < 0)
		return path_fd;
	*ret_reason = NULL;
	r = inspection_reopen(&seen, path_fd);
	if (r == 0)
		r = inspection_status(&seen);
	if (r == 0)
		r = inspection_extents(&seen);
	if (r == 0)
		r = inspection_type(&seen);
	if (r < 0) {
		inspection_close(&seen);
		return r;
	}
	*ret_inspection = seen;
	return 0;
}

void inspection_close(struct inspection *inspection)
{
	if (inspection->fd >= 0)
		close(inspection->fd);
	inspection->fd = -1;
}

bool inspection_mapped(const struct inspection *inspection)
{
	return inspection->extents_known && extents_mapped(&inspection->extents) &&
	       !inspection->copy_on_write;
}
