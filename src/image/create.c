// SPDX-License-Identifier: MIT
#include "image/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/fill.h"
#include "image/filesystem.h"
#include "image/image.h"
#include "image/space.h"
#include "util/macros.h"

/* A file on its way to its name. */
struct draft {
	int folder_fd;
	int fd;
	const char *name;
	bool named; /* no O_TMPFILE: it has its name from the start and loses it on failure */
	bool done;
};

static void draft_destroy(struct draft *draft)
{
	if (draft->fd >= 0 && draft->named && !draft->done)
		unlinkat(draft->folder_fd, draft->name, 0);
	if (draft->fd >= 0)
		close(draft->fd);
	if (draft->folder_fd >= 0)
		close(draft->folder_fd);
}

/* The folder and the last name of a path; both point into `copy`. */
static int path_split(char *copy, const char **ret_folder, const char **ret_name)
{
	char *slash = strrchr(copy, '/');

	*ret_name = slash ? slash + 1 : copy;
	*ret_folder = !slash ? "." : slash == copy ? "/" : copy;
	if (**ret_name == 0 || strcmp(*ret_name, ".") == 0 || strcmp(*ret_name, "..") == 0)
		return -EISDIR;
	if (slash)
		*slash = 0;
	return 0;
}

/* linkat(2) would notice too, but only after everything has been written. */
static int draft_refuse_existing(const struct draft *draft)
{
	struct stat status;

	if (fstatat(draft->folder_fd, draft->name, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return errno == ENOENT ? 0 : -errno;
}

static int draft_create(struct draft *draft)
{
	draft->fd = openat(draft->folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (draft->fd >= 0)
		return 0;
	/* Kernels and filesystems without O_TMPFILE take it for O_DIRECTORY, or say so. */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL && errno != ENOENT)
		return -errno;
	draft->named = true;
	draft->fd = openat(draft->folder_fd, draft->name,
			   O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, 0600);
	return draft->fd < 0 ? -errno : 0;
}

static int draft_open(struct draft *draft, const char *folder)
{
	int r;

	draft->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (draft->folder_fd < 0)
		return -errno;
	r = draft_refuse_existing(draft);
	if (r == 0)
		r = draft_create(draft);
	return r;
}

/* Gives it its name, on the device too. */
static int draft_publish(struct draft *draft)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", draft->fd);
	if (!draft->named &&
	    linkat(AT_FDCWD, path, draft->folder_fd, draft->name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	draft->named = true;
	if (fsync(draft->fd) < 0 || fsync(draft->folder_fd) < 0)
		return -errno;
	draft->done = true;
	return 0;
}

/* All blocks are asked for before the first is written: a full filesystem says so now. */
static int draft_allocate(const struct draft *draft, const struct create_request *request)
{
	int r = 0;

	if (!request->sparse) {
		r = space_check(draft->fd, request->size_bytes);
		if (r == 0)
			r = space_reserve(draft->fd, request->size_bytes);
		if (r == -EOPNOTSUPP)
			r = 0;
	}
	if (r == 0 && ftruncate(draft->fd, (off_t)request->size_bytes) < 0)
		r = -errno;
	return r;
}

/* What is written of it: of a sparse image, its header. */
static uint64_t written_bytes(const struct create_request *request)
{
	uint64_t header = request->content ? request->content->header_bytes : 0;

	return request->sparse ? min_u64(header, request->size_bytes) : request->size_bytes;
}

static int fill_content(struct fill *fill, const struct create_request *request)
{
	const struct create_content *content = request->content;
	uint64_t length = written_bytes(request);

	return content ? fill_made(fill, 0, length, content->make, content->context)
		       : fill_zero(fill, 0, length);
}

static int image_fill(const struct image *image, const struct create_request *request)
{
	struct progress progress;
	struct fill fill;
	int r = fill_init(&fill, image, request->label ? &progress : NULL, request->interrupt);

	if (r < 0)
		return r;
	if (request->label)
		progress_start(&progress, request->label, written_bytes(request), 0);
	r = fill_content(&fill, request);
	if (r == 0)
		r = fill_sync(&fill);
	if (request->label)
		progress_finish(&progress);
	fill_destroy(&fill);
	return r;
}

static int image_is_mapped(const struct image *image, bool *ret_mapped)
{
	struct extent_summary extents;
	int r = extents_summary(image->buffered_fd, image->size_bytes, &extents);

	if (r < 0 && r != -EOPNOTSUPP)
		return r;
	*ret_mapped = r == 0 && extents_mapped(&extents) &&
		      !filesystem_copies_on_write(image->buffered_fd);
	return 0;
}

/* The image is locked from before its first byte until it is complete. */
static int draft_fill(const struct draft *draft, const struct create_request *request,
		      bool *ret_mapped, const char **ret_reason)
{
	struct image image;
	char path[32];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", draft->fd);
	r = image_open(AT_FDCWD, path, IMAGE_NO_SCAN, &image, ret_reason);
	if (r < 0)
		return r;
	if (written_bytes(request) > 0)
		r = image_fill(&image, request);
	if (r == 0)
		r = image_is_mapped(&image, ret_mapped);
	image_close(&image);
	return r;
}

static const char *create_reason(int error)
{
	switch (error) {
	case -EEXIST:
		return "exists already; remove it first or choose another name";
	case -ENOSPC:
		return "not enough free space on its filesystem for this size; nothing was left";
	case -EINTR:
		return "interrupted; nothing was left";
	case -EFBIG:
		return "larger than its filesystem or the limit on file sizes (ulimit -f) allows";
	case -EISDIR:
		return "names a folder; the name of the image is missing";
	default:
		return NULL;
	}
}

int image_create(const struct create_request *request, bool *ret_mapped, const char **ret_reason)
{
	struct draft draft = {.folder_fd = -1, .fd = -1};
	_cleanup_free_ char *copy = strdup(request->path);
	const char *folder;
	bool mapped = false;
	int r;

	*ret_reason = NULL;
	if (!copy)
		return -ENOMEM;
	r = path_split(copy, &folder, &draft.name);
	if (r == 0)
		r = draft_open(&draft, folder);
	if (r == 0) {
		filesystem_set_nocow(draft.fd);
		r = draft_allocate(&draft, request);
	}
	if (r == 0)
		r = draft_fill(&draft, request, &mapped, ret_reason);
	if (r == 0 && request->content && request->content->finish)
		r = request->content->finish(request->content->context, ret_reason);
	if (r == 0)
		r = draft_publish(&draft);
	draft_destroy(&draft);
	if (r < 0 && !*ret_reason)
		*ret_reason = create_reason(r);
	if (r == 0)
		*ret_mapped = mapped;
	return r;
}
