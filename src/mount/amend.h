/* SPDX-License-Identifier: MIT */
/*
 * What libfuse 3.14 cannot say is added to its replies on their way out: FUSE over io_uring (Linux
 * 6.14), passthrough (6.9), several direct writes to a file at once (6.2).
 */
#ifndef MOUNT_AMEND_H
#define MOUNT_AMEND_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <sys/uio.h>

/* Whether the kernel offers FUSE over io_uring in its INIT. */
bool amend_offers_uring(const struct fuse_in_header *init);

/* What the reply to `init` is to accept; passthrough, if the kernel offers it. Before it is given.
 */
void amend_accept(const struct fuse_in_header *init, bool uring, bool passthrough);

/* The reply to INIT; and to OPEN, whose request is `in` with `arguments` behind it. */
void amend_init(struct iovec *iov, int count);
void amend_open(const struct fuse_in_header *in, const void *arguments, struct iovec *iov,
		int count);

#endif
