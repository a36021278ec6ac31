/* SPDX-License-Identifier: MIT */
/*
 * An image: the file on the disk that a volume is made of. Opening one checks that it is a regular
 * file, takes the locks that keep a second writer out, learns how direct I/O must be aligned and
 * drops what the page cache holds of it.
 */
#ifndef IMAGE_IMAGE_H
#define IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/extents.h"

/* The page cache works in units of this; a partial last block is written through it. */
#define IMAGE_PAGE_BYTES 4096u

struct image {
	int direct_fd;   /* O_DIRECT: every block but a partial last one */
	int buffered_fd; /* the same file through the page cache: partial last block, FIEMAP */
	bool read_only;
	_Atomic uint64_t size_bytes; /* it may grow while lanes look */
	uint32_t block_bytes; /* offset and length of direct I/O are multiples of this, its memory a
				 page */
	/*
	 * End of what direct I/O may write: size_bytes, or where the last page starts if the size
	 * is no multiple of block_bytes (direct I/O would lengthen the file).
	 */
	_Atomic uint64_t direct_end_bytes;
	struct extent_summary extents; /* when it was opened, and what it has grown by since */
	bool copy_on_write;            /* each write goes to new blocks all the same */

	/* What image_verify() holds the file against, in any thread; it grows: image/resize.h. */
	_Atomic uint64_t blocks_least;     /* bytes of blocks that it cannot have fewer than */
	_Atomic bool punched;              /* we have made holes since */
	_Atomic uint64_t growing_to_bytes; /* may be as long as this; 0: as size_bytes only */
	_Atomic unsigned changes;          /* how often the others have changed */

	dev_t device; /* identity: st_dev, st_ino */
	ino_t inode;
};

enum image_flags {
	IMAGE_READ_ONLY = 1 << 0, /* open for reading; a shared lock */
	IMAGE_NO_SCAN = 1 << 1,   /* leave `extents` empty */
};

/*
 * Opens `name` beneath `folder_fd` (AT_FDCWD: any path; symbolic links are followed only then).
 * The caller owns *ret_image and ends it with image_close(). On failure negative errno, *ret_image
 * untouched and *ret_reason a static sentence for the user (may be NULL: strerror says it all):
 *   -EBUSY     someone else has it open for writing (or anyone, when we want to write)
 *   -EINVAL    not a regular file, or the filesystem has no direct I/O
 *   -ELOOP, -EXDEV   a symbolic link, or outside the folder
 *   -EROFS, -EACCES, -ENOENT, ...  as open(2)
 */
int image_open(int folder_fd, const char *name, unsigned flags, struct image *ret_image,
	       const char **ret_reason);

/* Closes both descriptors; with the last of those that share an image its locks go. Does not flush.
 */
void image_close(struct image *image);

/*
 * The same open file once more, as it was when it was opened, with the same locks: not a second
 * opener. The caller ends it with image_close(). 0 or negative errno.
 */
int image_share(const struct image *image, struct image *ret_image);

/*
 * Whether the image still is what was opened. 0, or negative errno and *ret_reason a static
 * sentence: -ENOENT if nothing names it any more, -EIO if it was truncated or lengthened, or its
 * blocks were taken away.
 */
int image_verify(const struct image *image, const char **ret_reason);

/* Every block was allocated, written and unshared, and stays where it is: a write changes no
 * metadata. */
bool image_mapped(const struct image *image);

/* The file has this length by now; for an image that is in use: image/resize.h. */
void image_set_size(struct image *image, uint64_t size_bytes);

/* Says that we make holes in it: fewer blocks than before are then no surprise. */
void image_punched(struct image *image);

/*
 * A descriptor of `name` beneath `folder_fd` that opens nothing: O_PATH, refusing all but regular
 * files, so that neither a FIFO nor a device notices. The caller closes it. Errors as image_open.
 */
int image_find(int folder_fd, const char *name, const char **ret_reason);

/*
 * A descriptor to look at `name` with: read-only, through the page cache, without a lock. The
 * caller closes it; image_drop_cache() before that leaves nothing of the image in the page cache.
 * Negative errno as image_open.
 */
int image_open_read(int folder_fd, const char *name);
void image_drop_cache(int fd);
/* The same with direct I/O: nothing comes into the page cache. */
int image_open_direct(int folder_fd, const char *name);

/*
 * Locks as qemu takes them (file-posix.c: bytes 100 + permission for what we do, 200 + permission
 * for what we do not let others do, as open-file-description locks), so that qemu-img, another
 * platterfs and ourselves refuse each other. A writer shares nothing but reading; a reader shares
 * reading. 0, or -EBUSY. The lock goes with the last descriptor of the open file.
 */
int image_lock(int fd, bool writer);

#endif
