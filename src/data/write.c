// SPDX-License-Identifier: MIT
/*
 * A WRITE, from arrival to reply:
 *
 *   write_start      bounds
 *   write_bytes      lock the blocks it touches
 *   write_locked     if it begins or ends inside a block: widen it to whole blocks,
 *   write_head_read  with what is on the disk before its first byte
 *   write_tail_read  and behind its last
 *   write_body       the whole blocks, by direct I/O
 *   write_rest       the partial block at the end of an image of odd size, through the page cache
 *   write_unlock     let others at the blocks, reply
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

/* Direct I/O writes the blocks from body_start to body_end; both are the same if it writes none. */
static uint64_t body_start(const struct request *request)
{
	return min_u64(round_down(request->at, block_of(request)),
		       request->volume->image.direct_end_bytes);
}

static uint64_t body_end(const struct request *request)
{
	return min_u64(round_up(write_end(request), block_of(request)),
		       request->volume->image.direct_end_bytes);
}

/* Byte `at` of the image in the buffer; the payload has moved if the body starts before it. */
static char *buffer_at(const struct request *request, uint64_t at)
{
	bool body = body_start(request) < body_end(request);

	return request->buffer + (at - (body ? body_start(request) : request->at));
}

static void write_unlock(struct request *request, int error)
{
	range_release(&request->volume->ranges, &request->range);
	request->written(request, error);
}

/* A result that is neither an error nor all the bytes: the image ends where it did not before. */
static int edge_error(const struct request *request, int64_t result)
{
	if (result < 0)
		return (int)result;
	return result < block_of(request) ? -EIO : 0;
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
	uint64_t from = max_u64(request->at, image->direct_end_bytes);

	if (from >= write_end(request)) {
		write_unlock(request, 0);
		return;
	}
	request_write(request, image->buffered_fd, buffer_at(request, from),
		      write_end(request) - from, from, true, write_rest_done);
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

	if (start == end)
		write_rest(request);
	else
		request_write(request, request->volume->image.direct_fd, request->buffer,
			      end - start, start, request->durable, write_body_done);
}

static void write_tail_read(struct request *request, int64_t result)
{
	uint64_t last = body_end(request) - block_of(request);
	uint64_t used = write_end(request) - last;
	int error = edge_error(request, result);

	if (error < 0) {
		write_unlock(request, error);
		return;
	}
	memcpy(buffer_at(request, write_end(request)), request->edge + used,
	       block_of(request) - used);
	write_body(request);
}

static void write_tail(struct request *request)
{
	uint64_t last = body_end(request) - block_of(request);

	if (write_end(request) >= body_end(request))
		write_body(request);
	else if (last == body_start(request) && request->at > last)
		write_tail_read(request, block_of(request)); /* the edge still holds this block */
	else
		request_read(request, request->edge, block_of(request), last, write_tail_read);
}

static void write_head_read(struct request *request, int64_t result)
{
	int error = edge_error(request, result);

	if (error < 0) {
		write_unlock(request, error);
		return;
	}
	memcpy(request->buffer, request->edge, request->at - body_start(request));
	write_tail(request);
}

static void write_locked(struct request *request)
{
	uint64_t start = body_start(request);

	if (start == body_end(request)) {
		write_rest(request);
	} else if (request->at == start) {
		write_tail(request);
	} else {
		memmove(request->buffer + (request->at - start), request->buffer, request->length);
		request_read(request, request->edge, block_of(request), start, write_head_read);
	}
}

static void write_granted(struct range *range)
{
	lane_post(CONTAINER_OF(range, struct request, range), write_locked);
}

void write_bytes(struct request *request, void (*written)(struct request *request, int error))
{
	bool rest = write_end(request) > request->volume->image.direct_end_bytes;

	request->written = written;
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
