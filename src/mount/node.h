/* SPDX-License-Identifier: MIT */
/*
 * A node is a name of the folder, or of a partition in it, together with the file, and the window
 * of it, that it meant when it was looked up. Hard links are nodes of their own; that no two of
 * them are written at once, the locks of the image see to.
 *
 * A node lives while the kernel knows it or it is open; one that was ever open stays, so that
 * status can tell what happened to it, and so does one that has its key. An image that takes the
 * name of another is another node, and locked.
 */
#ifndef MOUNT_NODE_H
#define MOUNT_NODE_H

#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>

#include "crypt/identity.h"
#include "data/volume.h"
#include "mount/part.h"

struct names;
struct sharing;

struct node {
	char *name;
	struct partition partition; /* number 0: all of the image */
	dev_t device;               /* identity of the image */
	ino_t inode;

	pthread_mutex_t mutex; /* one opens or closes it at a time, which may take long */
	struct volume volume;  /* open if `opens` > 0 */
	int backing_id;        /* of passthrough, in the kernel; 0: none */
	bool growing;          /* somebody is at it, without the mutex: one at a time */

	/* Of an open partition (sharing.h): who shares its image, and is it one of them yet. */
	struct sharing *sharing;
	struct node *beside;
	bool joined;

	/*
	 * In secret memory; NULL: raw, or locked. Set under the mutex by whoever unlocks, taken
	 * away by the control thread only, which therefore may read it without.
	 */
	_Atomic(struct volume_key *) key;
	struct luks_identity identity; /* of the header in the image that it was unlocked with */
	bool unlocking;                /* somebody is at it, without the mutex */

	/* Under the mutex of the namespace, which is never held across I/O. */
	uint64_t lookups; /* that the kernel will forget */
	unsigned opens;
};

/*
 * The node for `name` as it is now, with `lookups` more of them; *ret_attributes as
 * node_attributes(). 0 or negative errno: -ENOENT for everything that is no image.
 */
int node_find(struct names *names, const char *name, uint64_t lookups, struct node **ret_node,
	      struct stat *ret_attributes);

/*
 * What stat(2) of its volume says: owner, mode and times are the image's. -ESTALE if the name means
 * another file by now, and the volume is not open.
 */
int node_attributes(struct names *names, struct node *node, struct stat *ret_attributes);

/*
 * Opens the volume if nobody has. Negative errno; what is wrong was logged. -ENOKEY: it is locked.
 */
int node_open(struct names *names, struct node *node, int flags);
/* Opens it once more if it is open, else -ESTALE. */
int node_hold(struct names *names, struct node *node);
/* The first error of the flush is kept in the namespace. */
void node_close(struct names *names, struct node *node);

/* Any node that is open, or NULL. */
struct node *node_find_open(struct names *names);

/* Takes back `lookups`. The node may be gone then. */
void node_forget(struct names *names, struct node *node, uint64_t lookups);

/* What it is, with the node's own name. */
static inline struct part node_part(const struct node *node)
{
	return (struct part){.name = node->name, .partition = node->partition};
}

/*
 * Size of a volume that is not open. While it is locked (`key` is NULL) nobody has
 * read its header: that of the ciphertext then, header and all.
 */
uint64_t node_size(const struct names *names, const struct part *part, const struct volume_key *key,
		   const struct stat *image);

/* Order of the tree: by name, then by file, then by window. */
int node_compare(const void *a, const void *b);
void node_free(void *node);

#endif
