// SPDX-License-Identifier: MIT
/* What both engines agree on: when an I/O has ended. */
#include "data/engine.h"

#include <errno.h>

struct iovec io_remaining(const struct io *io, uint64_t *ret_offset)
{
	*ret_offset = io->offset + io->done;
	return (struct iovec){
		.iov_base = (char *)io->iov[0].iov_base + io->done,
		.iov_len = io->iov[0].iov_len - io->done,
	};
}

/* A disk that takes nothing of a write would otherwise be asked for ever. */
static bool transfer_advance(struct io *io, int64_t returned, int64_t *ret_result)
{
	io->done += (uint64_t)returned;
	*ret_result = (int64_t)io->done;
	if (io->done == io->iov[0].iov_len)
		return true;
	if (returned > 0)
		return false;
	if (io->kind == IO_WRITE)
		*ret_result = -EIO;
	return true;
}

bool io_advance(struct io *io, int64_t returned, int64_t *ret_result)
{
	bool disk = io->kind != IO_RECEIVE && io->kind != IO_SEND && io->kind != IO_COMMAND;

	if (disk && (returned == -EINTR || returned == -EAGAIN))
		return false;
	*ret_result = returned;
	if (returned < 0)
		return true;
	if (io->kind == IO_READ || io->kind == IO_WRITE)
		return transfer_advance(io, returned, ret_result);
	return true;
}
