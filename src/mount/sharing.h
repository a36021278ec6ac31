/* SPDX-License-Identifier: MIT */
/*
 * An image of which partitions are open: the first one opens and locks it, the others share that,
 * the last one gives it back. So to everybody else they are one opener, and who has the whole image
 * open, here or in another program, excludes them all.
 *
 * Among themselves: two volumes that write the same block of the image would undo each other's
 * bytes, since each has locks of its own. What is open never has a block in common.
 */
#ifndef MOUNT_SHARING_H
#define MOUNT_SHARING_H

#include <stdbool.h>

struct names;
struct node;
struct sharing;

/*
 * Opens node->volume.image, of a node that is a partition. 0; or negative errno and *ret_reason, as
 * image_open(): -EBUSY also if another partition that is open has a block in common, -ESTALE if
 * its name means another file by now. Under the node's mutex, as the others.
 */
int sharing_open(struct names *names, struct node *node, bool read_only, const char **ret_reason);

/* Its volume was opened, too: what happens to one, the others must know. And before it is closed.
 */
void sharing_join(struct node *node);
void sharing_leave(struct node *node);

/* After the volume, or the image, was closed. */
void sharing_close(struct names *names, struct node *node);

#endif
