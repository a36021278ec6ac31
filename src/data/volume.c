// SPDX-License-Identifier: MIT
#include "data/volume.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "image/resize.h"
#include "util/log.h"
#include "util/macros.h"

/* Of all rings of volumes that share an image. */
static pthread_mutex_t beside_mutex = PTHREAD_MUTEX_INITIALIZER;

static uint64_t window_bytes(const struct volume_options *options, uint64_t image_bytes)
{
	return options->length_bytes ? options->length_bytes : image_bytes - options->start_bytes;
}

/* As dm-crypt has it, a payload is whole sectors; what is left over at its end is out of reach. */
static int payload_size(const struct volume_key *key, uint64_t window, uint64_t *ret_bytes,
			const char **ret_reason)
{
	uint64_t room = window - min_u64(key->data_offset_bytes, window);

	if (key->size_bytes > room || room < key->sector_size) {
		*ret_reason = "the image ends before its encrypted payload does";
		return -EINVAL;
	}
	*ret_bytes = round_down(key->size_bytes ? key->size_bytes : room, key->sector_size);
	return 0;
}

int volume_size(const struct volume_options *options, uint64_t image_bytes, uint64_t *ret_bytes,
		const char **ret_reason)
{
	if (options->start_bytes > image_bytes ||
	    options->length_bytes > image_bytes - options->start_bytes) {
		*ret_reason = "start= and length= lie outside the image";
		return -EINVAL;
	}
	*ret_bytes = window_bytes(options, image_bytes);
	return options->key ? payload_size(options->key, *ret_bytes, ret_bytes, ret_reason) : 0;
}

uint64_t volume_sector_start(const struct volume *volume, uint64_t at)
{
	return volume->start_bytes + round_down(at - volume->start_bytes, volume->sector_bytes);
}

uint64_t volume_sector_end(const struct volume *volume, uint64_t end)
{
	return volume->start_bytes + round_up(end - volume->start_bytes, volume->sector_bytes);
}

int volume_encrypt(struct volume *volume, unsigned lane, void *bytes, uint64_t at, uint64_t length)
{
	return volume->sectors ? sectors_encrypt(volume->sectors, lane, bytes, length,
						 at - volume->start_bytes)
			       : 0;
}

int volume_decrypt(struct volume *volume, unsigned lane, void *bytes, uint64_t at, uint64_t length)
{
	return volume->sectors ? sectors_decrypt(volume->sectors, lane, bytes, length,
						 at - volume->start_bytes)
			       : 0;
}

static int volume_check(struct volume *volume, const struct volume_options *options,
			const char **ret_reason)
{
	bool mapped = image_mapped(&volume->image) || volume->image.size_bytes == 0;
	uint64_t size_bytes;
	int r = volume_size(options, volume->image.size_bytes, &size_bytes, ret_reason);

	if (r < 0)
		return r;
	volume->size_bytes = size_bytes;
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

/*
 * What is punched out of an encrypted image reads back as noise, where whoever asked expects zeros:
 * that is refused.
 */
static enum discard discard_allowed(const struct volume *volume, enum discard wanted)
{
	if (!volume->sectors || wanted != DISCARD_PUNCH)
		return wanted;
	log_warning("%s: discard=punch would read back as noise on an encrypted volume: discards "
		    "are refused; discard=zero writes zeros",
		    volume->name);
	return DISCARD_KEEP;
}

int volume_open(struct volume *volume, const struct volume_options *options,
		const char **ret_reason)
{
	const struct volume_key *key = options->key;
	int r = volume_check(volume, options, ret_reason);

	volume->sectors = NULL;
	if (r == 0 && key)
		r = sectors_new(key, options->lanes, &volume->sectors, ret_reason);
	if (r < 0)
		return r;
	volume->start_bytes = options->start_bytes + (key ? key->data_offset_bytes : 0);
	volume->sector_bytes = key ? key->sector_size : 1;
	volume->discard = discard_allowed(volume, options->discard);
	volume->failed = 0;
	volume->full = volume->unreadable = false;
	range_lock_init(&volume->ranges);
	volume->flushes = (struct flushes){0};
	return 0;
}

/* Lanes look at the size without a lock: it comes last, when what they find behind it is true. */
int volume_grow(struct volume *volume, const struct volume_options *options,
		const char **ret_reason)
{
	uint64_t size_bytes;
	int r = volume_size(options, volume->image.growing_to_bytes, &size_bytes, ret_reason);

	if (r == 0)
		r = image_grown(&volume->image, ret_reason);
	if (r == 0)
		volume->size_bytes = size_bytes;
	return r;
}

/*
 * What failed before has been told to whoever wrote; but that may have been a loop device, whose
 * writer has not heard of it. An image that was deleted while it was in use is nothing to fail for:
 * its owner wanted it gone.
 */
int volume_finish(struct volume *volume)
{
	const char *reason = NULL;
	int r;

	if (volume->failed || volume->image.read_only)
		return volume->failed;
	r = fdatasync(volume->image.direct_fd) < 0 ? -errno : 0;
	if (r == 0)
		r = image_verify(&volume->image, &reason);
	if (r == -ENOENT) {
		log_warning("%s: %s", volume->name, reason);
		return 0;
	}
	if (r < 0)
		volume_failed(volume, "fsync at close", r, reason);
	return r == 0 && volume->full ? -ENOSPC : r;
}

void volume_join(struct volume *volume, struct volume *other)
{
	pthread_mutex_lock(&beside_mutex);
	volume->beside = other->beside ? other->beside : other;
	other->beside = volume;
	pthread_mutex_unlock(&beside_mutex);
}

void volume_leave(struct volume *volume)
{
	struct volume *before = volume;

	pthread_mutex_lock(&beside_mutex);
	while (before->beside && before->beside != volume)
		before = before->beside;
	if (before != volume)
		before->beside = volume->beside == before ? NULL : volume->beside;
	volume->beside = NULL;
	pthread_mutex_unlock(&beside_mutex);
}

void volume_close(struct volume *volume)
{
	range_lock_destroy(&volume->ranges);
	sectors_free(volume->sectors);
	volume->sectors = NULL;
	image_close(&volume->image);
}

static void count_error(struct volume *volume, const char *what, int error)
{
	volume->counters->errors++;
	volume->counters->last_failed = what;
	volume->counters->last_error = error;
}

/* The device has been asked on behalf of one; what it lost may be any other's. */
static void beside_failed(struct volume *volume, int error)
{
	int healthy = 0;

	pthread_mutex_lock(&beside_mutex);
	for (struct volume *other = volume->beside; other && other != volume; other = other->beside)
		if (atomic_compare_exchange_strong(&other->failed, &healthy, error))
			log_error("%s: every fsync fails until the volume is closed and opened: %s "
				  "has failed, which is of the same image",
				  other->name, volume->name);
		else
			healthy = 0;
	pthread_mutex_unlock(&beside_mutex);
}

void volume_failed(struct volume *volume, const char *what, int error, const char *reason)
{
	int healthy = 0;

	count_error(volume, what, error);
	if (!atomic_compare_exchange_strong(&volume->failed, &healthy, error))
		return;
	log_error("%s: %s: %s; every fsync fails until the volume is closed and opened",
		  volume->name, what, reason ? reason : strerror(-error));
	beside_failed(volume, error);
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
