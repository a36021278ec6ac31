/* SPDX-License-Identifier: MIT */
/* A volume: the plaintext of an image, as its file at the mount shows it. */
#ifndef DATA_VOLUME_H
#define DATA_VOLUME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "crypt/sector.h"
#include "data/histogram.h"
#include "data/range_lock.h"
#include "image/image.h"

/* What happens when somebody punches a hole: mkfs and fstrim do, through a loop device. */
enum discard {
	DISCARD_KEEP,  /* EOPNOTSUPP: the extents stay as they are */
	DISCARD_ZERO,  /* zeros are written */
	DISCARD_PUNCH, /* the image gets a hole */
};

struct volume_options {
	bool read_only;
	bool require_mapped;
	enum discard discard;
	uint64_t start_bytes;         /* window of the image */
	uint64_t length_bytes;        /* 0: to the end of the image */
	const struct volume_key *key; /* NULL: raw; of the caller, until volume_open() returns */
	unsigned lanes;               /* that will serve it, each with its cipher contexts */
};

/* Since the mount; they survive the volume's close. */
struct volume_counters {
	_Atomic uint64_t reads, writes, flushes, read_bytes, write_bytes, errors;
	_Atomic int last_error;            /* negative errno */
	_Atomic(const char *) last_failed; /* what it was that failed: "write" */
	struct histogram latency;          /* of READ, WRITE and FSYNC, from arrival to reply */
};

/* What flush.c knows: whether flushes are quicker than handing them to another thread. */
struct flushes {
	_Atomic bool quick;         /* the lane calls fdatasync(2) itself */
	_Atomic unsigned promising; /* through the engine, in turn, that came back soon */
	_Atomic unsigned patience;  /* how many of them it takes before that is tried again */
};

struct volume {
	/* Set by volume_open(), unchanged until volume_close(), but see volume_grow(). */
	const char *name; /* of the caller */
	struct image image;
	uint64_t start_bytes; /* of the payload in the image */
	_Atomic uint64_t size_bytes;
	struct sectors *sectors; /* NULL: raw */
	uint32_t sector_bytes;   /* of encryption; 1: raw */
	enum discard discard;

	struct range_lock ranges;
	struct flushes flushes;
	/*
	 * 0, or the negative errno of the first write or flush that failed. From then on every
	 * flush fails until the volume is opened anew: what the device lost stays lost.
	 */
	_Atomic int failed;
	struct volume *beside;            /* volume_join(): a ring; NULL: it is alone */
	_Atomic bool full;                /* logged that the disk is full */
	_Atomic bool unreadable;          /* logged that a read failed */
	struct volume_counters *counters; /* of the caller */
};

/*
 * Makes a volume of volume->image, which is open. volume->name and volume->counters are the
 * caller's and must be set. 0, or negative errno, *ret_reason, and the image is still the caller's:
 * sectors_new's, -EINVAL for a window outside the image or an image that is not mapped though that
 * is required.
 */
int volume_open(struct volume *volume, const struct volume_options *options,
		const char **ret_reason);

/*
 * Two windows of one open image (image_share()): a flush is for all of its bytes, and so is one
 * that failed. `volume` was just opened, and stays in that company until volume_leave(), which
 * comes after its last flush.
 */
void volume_join(struct volume *volume, struct volume *other);
void volume_leave(struct volume *volume);

/*
 * The last flush before volume_close(), unless it is read-only or has failed. 0 if all that was
 * ever written is on the device; or the negative errno of the first write or flush that failed,
 * -ENOSPC if the disk was full at some time, or -EIO if the image is not what it was.
 */
int volume_finish(struct volume *volume);
/* Does not flush; the volume is in nobody's company. */
void volume_close(struct volume *volume);

/*
 * Size that the volume of an image of `image_bytes` has: of whole encryption sectors, behind the
 * header. 0, or -EINVAL and *ret_reason: the window or the payload lie outside.
 */
int volume_size(const struct volume_options *options, uint64_t image_bytes, uint64_t *ret_bytes,
		const char **ret_reason);

/*
 * While lanes serve it: image_extend() has lengthened the image to what image_growing() allowed,
 * and now the volume is longer, too. `options` and the key are those of volume_open(). 0, or
 * negative errno, *ret_reason, and it is what it was.
 */
int volume_grow(struct volume *volume, const struct volume_options *options,
		const char **ret_reason);

/*
 * For everything that works on whole encryption sectors: the start of the one that byte `at` of the
 * image lies in, and the end of the one before `end`. On a raw volume, the byte itself.
 */
uint64_t volume_sector_start(const struct volume *volume, uint64_t at);
uint64_t volume_sector_end(const struct volume *volume, uint64_t end);

/*
 * En- or decrypts whole sectors from byte `at` of the image on, in this lane; nothing on a raw
 * volume. 0 or -EIO.
 */
int volume_encrypt(struct volume *volume, unsigned lane, void *bytes, uint64_t at, uint64_t length);
int volume_decrypt(struct volume *volume, unsigned lane, void *bytes, uint64_t at, uint64_t length);

/*
 * Notes that `what` ("fsync", "short read") failed with the negative errno `error`, because of
 * `reason` (NULL: the errno says it): counts it, logs it if it is the first, and from now on every
 * flush fails.
 */
void volume_failed(struct volume *volume, const char *what, int error, const char *reason);

/*
 * The same for something that writes. If the disk was merely full, flushes go on: the writer has
 * been told, nothing of his was accepted, and room may be made.
 */
void volume_write_failed(struct volume *volume, const char *what, int error, const char *reason);

/* A read that the disk refused: counted, and the first one logged. It takes nothing from flushes.
 */
void volume_read_failed(struct volume *volume, int error);

#endif
