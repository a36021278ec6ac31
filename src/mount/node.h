/* SPDX-License-Identifier: MIT */
/*
 * A node is a name of the folder together with the file it meant when it was looked up. Hard links
 * are nodes of their own; that no two of them are written at once, the locks of the image see to.
 *
 * A node lives while the kernel knows it or it is open; one that was ever open stays, so that
 * status can tell what happened to it.
 */
#ifndef MOUNT_NODE_H
#define MOUNT_NODE_H

#include <stdint.h>
#include <sys/stat.h>

#include "data/volume.h"

struct namespace;

struct node {
	char *name;
	dev_t device; /* identity of the image */
	ino_t inode;
	uint64_t lookups; /* that the kernel will forget */
	unsigned opens;
	struct volume volume; /* open if `opens` > 0 */
};

/*
 * The node for `name` as it is now; *ret_status is the image's. 0 or negative errno: -ENOENT for
 * everything that is no image. Does not count as a lookup.
 */
int node_find(struct namespace *names, const char *name, struct node **ret_node,
	      struct stat *ret_status);

/* The status of its image: -ESTALE if the name means another file by now, and it is not open. */
int node_status(struct namespace *names, struct node *node, struct stat *ret_status);

/* Opens the volume if nobody has. Negative errno; what is wrong was logged. */
int node_open(struct namespace *names, struct node *node, int flags);
void node_close(struct namespace *names, struct node *node);

/* Takes back `lookups`. The node may be gone then. */
void node_forget(struct namespace *names, struct node *node, uint64_t lookups);

/* Order of the tree: by name, then by file. */
int node_compare(const void *a, const void *b);
void node_free(void *node);

#endif
