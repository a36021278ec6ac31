// SPDX-License-Identifier: MIT
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "image/filesystem.h"
#include "util/macros.h"

/*
 * Beneath a folder no symbolic link is followed and no ".." leaves, whatever happens to the names
 * meanwhile; nor is a mount entered, which could be our own: we would wait for ourselves. AT_FDCWD
 * stands for a path that the user himself gave.
 */
static int open_path(int folder_fd, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_XDEV,
	};
	int fd;

	if (folder_fd == AT_FDCWD)
		how.resolve = 0;
	fd = (int)syscall(SYS_openat2, folder_fd, name, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

int image_find(int folder_fd, const char *name, const char **ret_reason)
{
	_cleanup_fd_ int fd = open_path(folder_fd, name);
	struct stat status;
	int found;

	if (fd < 0) {
		*ret_reason = NULL;
		return fd;
	}
	if (fstat(fd, &status) < 0) {
		*ret_reason = NULL;
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		*ret_reason = "not a regular file";
		return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
	}
	found = fd;
	fd = -1;
	return found;
}

/* The very file that an O_PATH descriptor stands for, whatever its name means by now. */
static int open_again(int path_fd, int flags)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

static int open_to_look(int folder_fd, const char *name, int flags)
{
	const char *reason;
	_cleanup_fd_ int path_fd = image_find(folder_fd, name, &reason);

	return path_fd < 0 ? path_fd : open_again(path_fd, O_RDONLY | flags);
}

int image_open_read(int folder_fd, const char *name)
{
	return open_to_look(folder_fd, name, 0);
}

int image_open_direct(int folder_fd, const char *name)
{
	return open_to_look(folder_fd, name, O_DIRECT);
}

void image_drop_cache(int fd)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

/*
 * Without STATX_DIOALIGN (Linux < 6.1, or a filesystem that does not tell) a page is what every
 * filesystem with direct I/O accepts.
 */
static int learn_alignment(struct image *image)
{
	struct statx status;

	image->block_bytes = IMAGE_PAGE_BYTES;
	if (statx(image->direct_fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) < 0)
		return errno == ENOSYS ? 0 : -errno;
	if (!(status.stx_mask & STATX_DIOALIGN))
		return 0;
	if (status.stx_dio_offset_align == 0 || status.stx_dio_offset_align > IMAGE_PAGE_BYTES ||
	    status.stx_dio_mem_align > IMAGE_PAGE_BYTES)
		return -EINVAL;
	image->block_bytes = (uint32_t)max_u64(status.stx_dio_offset_align, 512);
	return 0;
}

/* Lanes may be looking: if the size they know is whole blocks, either end of direct I/O is right.
 */
void image_set_size(struct image *image, uint64_t size_bytes)
{
	uint64_t direct_end = size_bytes % image->block_bytes
				      ? round_down(size_bytes, IMAGE_PAGE_BYTES)
				      : size_bytes;

	image->direct_end_bytes = direct_end;
	image->size_bytes = size_bytes;
}

static int learn_geometry(struct image *image)
{
	struct stat status;

	if (fstat(image->direct_fd, &status) < 0)
		return -errno;
	image->device = status.st_dev;
	image->inode = status.st_ino;
	image->copy_on_write = filesystem_copies_on_write(image->direct_fd);
	image_set_size(image, (uint64_t)status.st_size);
	return 0;
}

/* What cp or create left in the page cache is written, then dropped: nothing is cached twice. */
static int drop_cache(const struct image *image)
{
	if (!image->read_only && fdatasync(image->buffered_fd) < 0)
		return -errno;
	return -posix_fadvise(image->buffered_fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int image_learn(struct image *image, unsigned flags, const char **ret_reason)
{
	int r = image_lock(image->direct_fd, !image->read_only);

	if (r == -EBUSY)
		*ret_reason = "in use by another program";
	if (r < 0)
		return r;
	r = learn_alignment(image);
	if (r == -EINVAL)
		*ret_reason = "its filesystem has no direct I/O";
	if (r == 0)
		r = learn_geometry(image);
	if (r == 0)
		r = drop_cache(image);
	if (r == 0 && !(flags & IMAGE_NO_SCAN)) {
		r = extents_summary(image->buffered_fd, image->size_bytes, &image->extents);
		/* A filesystem that cannot tell its extents is unmapped, not unusable. */
		if (r == -EOPNOTSUPP) {
			image->extents = (struct extent_summary){.encoded = image->size_bytes};
			r = 0;
		}
		image->blocks_least = extents_allocated(&image->extents);
	}
	return r;
}

int image_open(int folder_fd, const char *name, unsigned flags, struct image *ret_image,
	       const char **ret_reason)
{
	struct image image = {.direct_fd = -1, .buffered_fd = -1};
	int access = flags & IMAGE_READ_ONLY ? O_RDONLY : O_RDWR;
	_cleanup_fd_ int path_fd = image_find(folder_fd, name, ret_reason);
	int r;

	if (path_fd < 0)
		return path_fd;
	*ret_reason = NULL;
	image.read_only = flags & IMAGE_READ_ONLY;
	r = image.direct_fd = open_again(path_fd, access | O_DIRECT);
	if (r == -EINVAL)
		*ret_reason = "its filesystem has no direct I/O";
	if (r >= 0)
		r = image.buffered_fd = open_again(path_fd, access);
	if (r >= 0)
		r = image_learn(&image, flags, ret_reason);
	if (r < 0) {
		image_close(&image);
		return r;
	}
	*ret_image = image;
	return 0;
}

void image_close(struct image *image)
{
	if (image->buffered_fd >= 0)
		close(image->buffered_fd);
	if (image->direct_fd >= 0)
		close(image->direct_fd);
	image->direct_fd = image->buffered_fd = -1;
}

int image_share(const struct image *image, struct image *ret_image)
{
	struct image share = *image;

	share.direct_fd = fcntl(image->direct_fd, F_DUPFD_CLOEXEC, 0);
	share.buffered_fd = fcntl(image->buffered_fd, F_DUPFD_CLOEXEC, 0);
	if (share.direct_fd < 0 || share.buffered_fd < 0) {
		int r = -errno;

		image_close(&share);
		return r;
	}
	*ret_image = share;
	return 0;
}

bool image_mapped(const struct image *image)
{
	return extents_mapped(&image->extents) && !image->copy_on_write;
}

void image_punched(struct image *image)
{
	image->punched = true;
}

/* While it grows, every length between the two is right. */
static bool size_is_right(const struct image *image, uint64_t size_bytes)
{
	uint64_t known = image->size_bytes;

	return size_bytes == known || (size_bytes > known && size_bytes <= image->growing_to_bytes);
}

/*
 * Blocks behind its end may come and go.
 *
 * Times are not asked for: the kernel would then give the next write a time of its own (multigrain
 * timestamps, Linux 6.13), which is a metadata change for each write, and which io_uring cannot
 * make without a worker thread.
 */
static int verify_once(const struct image *image, const char **ret_reason)
{
	struct statx status = {.stx_nlink = 1};

	if (statx(image->direct_fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_NLINK | STATX_BLOCKS,
		  &status) < 0)
		*ret_reason = "its status cannot be read";
	else if (!size_is_right(image, status.stx_size))
		*ret_reason = "the size of the image was changed by another program";
	else if (!image->punched && status.stx_blocks * 512 < image->blocks_least)
		*ret_reason = "blocks of the image were taken away by another program";
	else if (status.stx_nlink == 0)
		*ret_reason = "the image was unlinked: nothing names it any more";
	else
		return 0;
	return status.stx_nlink == 0 ? -ENOENT : -EIO;
}

/*
 * What the file was asked before it had grown, or had been cut back, must not be held against what
 * is known since then.
 */
int image_verify(const struct image *image, const char **ret_reason)
{
	unsigned changes;
	int r;

	do {
		changes = image->changes;
		r = verify_once(image, ret_reason);
		/* Odd: it is just changing. */
	} while (r < 0 && (changes % 2 || changes != image->changes));
	return r;
}
