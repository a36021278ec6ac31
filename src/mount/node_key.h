/* SPDX-License-Identifier: MIT */
/*
 * Whether an image is encrypted, and whether the key that a node has is still its key. Nothing that
 * was encrypted, or was meant to be, is ever served as it is; and nothing with another key than
 * that of its header.
 */
#ifndef MOUNT_NODE_KEY_H
#define MOUNT_NODE_KEY_H

#include <stdbool.h>

struct names;
struct node;
struct part;
struct volume_key;

/*
 * Whether an image or a partition needs a key, as far as can be seen now: its options say so, or
 * its header does. 0 or negative errno.
 */
int node_encrypted(const struct names *names, const struct part *part, bool *ret_encrypted);

/*
 * For a node whose image is open: the key to serve it with, NULL if it is raw. 0, or negative errno
 * and *ret_reason: -ENOKEY if it is locked, or its header is not the one that it was unlocked with;
 * -EINVAL if it was meant to be encrypted but is not; -EBADMSG if it does not hold what expect=
 * says.
 */
int node_key_choose(const struct names *names, const struct node *node,
		    const struct volume_key **ret_key, const char **ret_reason);

/*
 * What is wrong with one without header whose options name a key, or NULL. Of an image with
 * partitions, the key is theirs.
 */
const char *node_key_missing_header(const struct names *names, const struct part *part);

#endif
