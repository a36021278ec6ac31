// SPDX-License-Identifier: MIT
#include "data/volume.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"
#include "util/macros.h"

int volume_size(const struct volume_options *options, uint64_t image_bytes, uint64_t *ret_bytes)
{
	if (options->start_bytes > image_bytes ||
	    options->length_bytes > image_bytes - options->start_bytes)
		return -EINVAL;
	*ret_bytes = options->length_bytes ? options->length_bytes
					   : image_bytes - options->start_bytes;
	return 0;
}

static int volume_check(struct volume *volume, const struct volume_options *options,
			const char **ret_reason)
{
	bool mapped = image_mapped(&volume->image) || volume->image.size_bytes == 0;
	int r = volume_size(options, volume->image.size_bytes, &volume->size_bytes);

	if (r < 0) {
		*ret_reason = "start= and length= lie outside the image";
		return r;
	}
	if (!mapped && options->require_mapped) {
		*ret_reason = "not mapped, and require=mapped: run `platterfs prepare` on it";
		return -EINVAL;
	}
	if (!mapped && !volume->image.read_only)
		log_warning("%s: not mapped, so an fsync costs more than one flush: "
			    "`platterfs doctor` says why, `platterfs prepare` helps",
			    volume->name);
	return 0;
}

int volume_open(struct volume *volume, int folder_fd, const char *name,
		const struct volume_options *options, const char **ret_reason)
{
	int r = image_open(folder_fd, name, options->read_only ? IMAGE_READ_ONLY : 0,
			   &volume->image, ret_reason);

	if (r < 0)
		return r;
	r = volume_check(volume, options, ret_reason);
	if (r < 0) {
		image_close(&volume->image);
		return r;
	}
	volume->start_bytes = options->start_bytes;
	volume->discard = options->discard;
	volume->failed = 0;
	volume->full = volume->unreadable = false;
	range_lock_init(&volume->ranges);
	return 0;
}

/*
 * What failed before has been told to whoever wrote. An image that was deleted while it was in use
 * is nothing to fail for: its owner wanted it gone.
 */
static int volume_flush(struct volume *volume)
{
	const char *reason = NULL;
	int r;

	if (volume->failed || volume->image.read_only)
		return 0;
	r = fdatasync(volume->image.direct_fd) < 0 ? -errno : 0;
	if (r == 0)
		r = image_verify(&volume->image, &reason);
	if (r == -ENOENT) {
		log_warning("%s: %s", volume->name, reason);
		return 0;
	}
	if (r < 0)
		volume_failed(volume, "fsync at close", r, reason);
	return r;
}

int volume_close(struct volume *volume)
{
	int r = volume_flush(volume);

	range_lock_destroy(&volume->ranges);
	image_close(&volume->image);
	return r;
}

static void count_error(struct volume *volume, const char *what, int error)
{
	volume->counters->errors++;
	volume->counters->last_failed = what;
	volume->counters->last_error = error;
}

void volume_failed(struct volume *volume, const char *what, int error, const char *reason)
{
	int healthy = 0;

	count_error(volume, what, error);
	if (atomic_compare_exchange_strong(&volume->failed, &healthy, error))
		log_error("%s: %s: %s; every fsync fails until the volume is closed and opened",
			  volume->name, what, reason ? reason : strerror(-error));
}

void volume_write_failed(struct volume *volume, const char *what, int error, const char *reason)
{
	if (error != -ENOSPC && error != -EDQUOT && error != -EFBIG) {
		volume_failed(volume, what, error, reason);
		return;
	}
	if (!atomic_exchange(&volume->full, true))
		log_error("%s: %s: %s on the filesystem of the image", volume->name, what,
			  strerror(-error));
	count_error(volume, what, error);
}

void volume_read_failed(struct volume *volume, int error)
{
	count_error(volume, "read", error);
	if (!atomic_exchange(&volume->unreadable, true))
		log_error("%s: read: %s", volume->name, strerror(-error));
}
