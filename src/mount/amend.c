// SPDX-License-Identifier: MIT
#include "mount/amend.h"

#include <stddef.h>
#include <string.h>

#include "data/fuse_uring_abi.h"
#include "mount/passthrough.h"

/* A session is all that a process has. */
static bool accepts_uring, accepts_passthrough;
static struct fuse_init_in offered;

bool amend_offers_uring(const struct fuse_in_header *init)
{
	const struct fuse_init_in *in = (const void *)(init + 1);

	return init->opcode == FUSE_INIT && init->len >= sizeof(*init) + sizeof(*in) &&
	       in->flags & FUSE_INIT_EXT && in->flags2 & FUSE_URING_INIT_FLAGS2;
}

void amend_accept(const struct fuse_in_header *init, bool uring, bool passthrough)
{
	accepts_uring = uring;
	accepts_passthrough = passthrough && init->len >= sizeof(*init) + sizeof(offered);
	if (accepts_passthrough)
		memcpy(&offered, init + 1, sizeof(offered));
}

void amend_init(struct iovec *iov, int count)
{
	struct fuse_init_out *out = count < 2 ? NULL : iov[1].iov_base;

	if (!out || iov[1].iov_len < sizeof(*out))
		return;
	if (accepts_passthrough)
		passthrough_init(&offered, out);
	if (!accepts_uring)
		return;
	out->flags |= FUSE_INIT_EXT;
	out->flags2 |= FUSE_URING_INIT_FLAGS2;
}

void amend_open(const struct fuse_in_header *in, const void *arguments, struct iovec *iov,
		int count)
{
	struct fuse_open_out *out;

	if (in->opcode != FUSE_OPEN || count < 2 || iov[1].iov_len < sizeof(*out))
		return;
	out = iov[1].iov_base;
	out->open_flags |= FOPEN_PARALLEL_DIRECT_WRITES;
	if (accepts_passthrough)
		passthrough_open(arguments, out);
}
