// SPDX-License-Identifier: MIT
/*
 * A WRITE, from arrival to reply:
 *
 *   write_start      bounds
 *   write_bytes      lock the blocks it touches
 *   write_locked     if it begins or ends inside an encryption sector, or inside a block: widen it,
 *   write_head_read  with what is on the disk before its first byte
 *   write_tail_read  and behind its last
 *   write_body       encrypt in place; the whole blocks, by direct I/O
 *   write_rest       the partial block at the end of an image of odd size, through the page cache
 *   write_unlock     let others at the blocks, reply
 *
 * A write is widened twice: to whole sectors of encryption, whose other bytes are decrypted, and
 * those to whole blocks of direct I/O, whose other bytes are ciphertext of somebody else and stay
 * as they are. On a raw volume a sector is a byte. Where sectors and blocks lie, depends on where
 * the payload starts: neither need be a multiple of the other.
 *
 * The blocks stay locked from the first read to the last write, so that of two writes into one
 * block neither puts back what the other has replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "data/lane.h"
#include "data/volume.h"

static uint32_t block_of(const struct request *request)
{
	return request->volume->image.block_bytes;
}

static uint64_t write_end(const struct request *request)
{
	return request->at + request->length;
}

/* The whole sectors that it touches: what is encrypted. */
static uint64_t sectors_start(const struct request *request)
{
	return volume_sector_start(request->volume, request->at);
}

static uint64_t sectors_end(const struct request *request)
{
	return volume_sector_end(request->volume, write_end(request));
}

/* Direct I/O writes the blocks from body_start to body_end; both are the same if it writes none. */
static uint64_t body_start(const struct request *request)
{
	return min_u64(round_down(sectors_start(request), block_of(request)),
		       request->volume->image.direct_end_bytes);
}

static uint64_t body_end(const struct request *request)
{
	return min_u64(round_up(sectors_end(request), block_of(request)),
		       request->volume->image.direct_end_bytes);
}

/* The byte of the image at the start of the buffer, once the write is widened. */
static uint64_t buffer_start(const struct request *request)
{
	bool body = body_start(request) < body_end(request);

	return body ? body_start(request) : sectors_start(request);
}

/* Byte `at` of the image in the buffer. */
static char *buffer_at(const struct request *request, uint64_t at)
{
	return request->buffer + (at - buffer_start(request));
}

static void write_unlock(struct request *request, int error)
{
	range_release(&request->volume->ranges, &request->range);
	request->written(request, error);
}

/* The blocks that the sector at `at` lies in. */
static void edge_read(struct request *request, uint64_t at,
		      void (*then)(struct request *request, int64_t result))
{
	uint64_t end = at + request->volume->sector_bytes;

	request->edge_at = round_down(at, block_of(request));
	request->edge_end = round_up(end, block_of(request));
	request_read(request, request->edge, request->edge_end - request->edge_at, request->edge_at,
		     then);
}

static bool edge_holds(const struct request *request, uint64_t at)
{
	return request->edge_at <= at && at + request->volume->sector_bytes <= request->edge_end;
}

/* A result that is neither an error nor all the bytes: the image ends where it did not before. */
static int edge_error(const struct request *request, int64_t result)
{
	uint64_t end = min_u64(request->edge_end, request->volume->image.size_bytes);

	if (result < 0)
		return (int)result;
	return (uint64_t)result < end - request->edge_at ? -EIO : 0;
}

static int edge_decrypt(struct request *request, uint64_t at)
{
	return volume_decrypt(request->volume, request->lane->number,
			      request->edge + (at - request->edge_at), at,
			      request->volume->sector_bytes);
}

/* Bytes of the image that are in the edge to their place in the buffer. */
static void edge_copy(struct request *request, uint64_t from, uint64_t to)
{
	memcpy(buffer_at(request, from), request->edge + (from - request->edge_at), to - from);
}

/* Only the pages of the partial last block were cached; they are clean, so they can go. */
static void write_rest_done(struct request *request, int64_t result)
{
	const struct image *image = &request->volume->image;

	posix_fadvise(image->buffered_fd, (off_t)image->direct_end_bytes, 0, POSIX_FADV_DONTNEED);
	write_unlock(request, result < 0 ? (int)result : 0);
}

static void write_rest(struct request *request)
{
	const struct image *image = &request->volume->image;
	uint64_t from = max_u64(sectors_start(request), image->direct_end_bytes);
	uint64_t end = sectors_end(request);

	if (from >= end) {
		write_unlock(request, 0);
		return;
	}
	request_write(request, image->buffered_fd, buffer_at(request, from), end - from, from, true,
		      write_rest_done);
}

static void write_body_done(struct request *request, int64_t result)
{
	if (result < 0)
		write_unlock(request, (int)result);
	else
		write_rest(request);
}

static void write_body(struct request *request)
{
	uint64_t start = body_start(request), end = body_end(request);
	uint64_t first = sectors_start(request);
	int error = volume_encrypt(request->volume, request->lane->number,
				   buffer_at(request, first), first, sectors_end(request) - first);

	if (error < 0)
		write_unlock(request, error);
	else if (start == end)
		write_rest(request);
	else
		request_write(request, request->volume->image.direct_fd, request->buffer,
			      end - start, start, request->durable, write_body_done);
}

/* The last sector, where the first one was not the same and is decrypted already. */
static void write_tail_read(struct request *request, int64_t result)
{
	uint64_t end = write_end(request), last = sectors_end(request);
	uint64_t tail = last - request->volume->sector_bytes;
	bool plain = tail == sectors_start(request) && request->at > tail;
	int error = edge_error(request, result);

	if (error == 0 && end < last && !plain)
		error = edge_decrypt(request, tail);
	if (error < 0) {
		write_unlock(request, error);
		return;
	}
	edge_copy(request, end, last);
	if (last < body_end(request))
		edge_copy(request, last, body_end(request));
	write_body(request);
}

static void write_tail(struct request *request)
{
	uint64_t last = sectors_end(request);
	uint64_t tail = last - request->volume->sector_bytes;

	if (write_end(request) >= max_u64(last, body_end(request)))
		write_body(request);
	else if (edge_holds(request, tail))
		write_tail_read(request, (int64_t)(request->edge_end - request->edge_at));
	else
		edge_read(request, tail, write_tail_read);
}

static void write_head_read(struct request *request, int64_t result)
{
	uint64_t start = buffer_start(request), first = sectors_start(request);
	int error = edge_error(request, result);

	if (error == 0 && first < request->at)
		error = edge_decrypt(request, first);
	if (error < 0) {
		write_unlock(request, error);
		return;
	}
	edge_copy(request, start, request->at);
	write_tail(request);
}

static void write_locked(struct request *request)
{
	request->edge_at = request->edge_end = 0;
	if (request->at == buffer_start(request)) {
		write_tail(request);
		return;
	}
	memmove(buffer_at(request, request->at), request->buffer, request->length);
	edge_read(request, sectors_start(request), write_head_read);
}

static void write_granted(struct range *range)
{
	lane_post(CONTAINER_OF(range, struct request, range), write_locked);
}

void write_bytes(struct request *request, void (*written)(struct request *request, int error))
{
	bool rest = sectors_end(request) > request->volume->image.direct_end_bytes;

	request->written = written;
	request->range.shared = false;
	request->range.start = body_start(request);
	/* The partial last block shares a page with the ones before it: they are locked together.
	 */
	request->range.end = rest ? UINT64_MAX : body_end(request);
	request->range.granted = write_granted;
	if (range_acquire(&request->volume->ranges, &request->range))
		write_locked(request);
}

static void write_done(struct request *request, int error)
{
	struct volume *volume = request->volume;
	const char *reason = NULL;

	if (error == 0 && request->durable && image_verify(&volume->image, &reason) < 0)
		error = -EIO;
	if (error < 0) {
		volume_write_failed(volume, "write", error, reason);
		request_reply(request, error, NULL, 0);
		return;
	}
	request->body.write = (struct fuse_write_out){.size = (uint32_t)request->length};
	request_reply(request, 0, &request->body.write, sizeof(request->body.write));
}

void write_start(struct request *request)
{
	const struct fuse_write_in *in = request->arguments;
	struct volume *volume = request->volume;
	int error = 0;

	request->offset = in->offset;
	request->length = in->size;
	request->at = volume->start_bytes + request->offset;
	request->durable = in->flags & (O_DSYNC | O_SYNC);
	if (volume->image.read_only)
		error = -EROFS;
	else if (in->offset > volume->size_bytes || in->size > volume->size_bytes - in->offset)
		error = -ENOSPC;
	else if (request->durable && volume->failed)
		error = -EIO;
	if (error < 0)
		request_reply(request, error, NULL, 0);
	else if (in->size == 0)
		write_done(request, 0);
	else
		write_bytes(request, write_done);
}
