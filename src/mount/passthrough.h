/* SPDX-License-Identifier: MIT */
/*
 * Passthrough (Linux 6.9, as root): the kernel reads and writes the image itself for whoever opens
 * a raw volume with O_DIRECT, without asking the daemon. Everything else still comes here: fsync,
 * discards, opens without O_DIRECT.
 *
 * It is asked for (-o passthrough), because the daemon sees nothing of such a read or write;
 * docs/data-path.md says what is given up.
 */
#ifndef MOUNT_PASSTHROUGH_H
#define MOUNT_PASSTHROUGH_H

#include <linux/fuse.h>
#include <stdbool.h>

struct node;

/* In the reply to INIT: accepted, if the kernel offers it. */
void passthrough_init(const struct fuse_init_in *in, struct fuse_init_out *out);

/*
 * For a node that was just opened, if its options ask for it: announces the image to the kernel
 * behind `fuse_fd`. Where that cannot be done, logs why; the daemon serves it then. Under the mutex
 * of the node, as passthrough_end(), which comes before the image is closed.
 */
void passthrough_begin(struct node *node, bool wanted, int fuse_fd);
void passthrough_end(struct node *node, int fuse_fd);

/* In the reply to OPEN of `out->fh`: whether this open goes past the daemon. */
void passthrough_open(const struct fuse_open_in *in, struct fuse_open_out *out);

#endif
