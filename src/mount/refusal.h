/* SPDX-License-Identifier: MIT */
/* Why FUSE does not mount, and what would help: libfuse and fusermount3 print it, each its own way.
 */
#ifndef MOUNT_REFUSAL_H
#define MOUNT_REFUSAL_H

#include <stdbool.h>

struct refusal {
	int said_fd;     /* standard error goes here meanwhile; -1: where it always does */
	int terminal_fd; /* what it was before */
};

/* From here on nothing that is printed reaches the user. */
void refusal_listen(struct refusal *refusal);

/*
 * Standard error is again what it was. If it was mounted, what has been said is printed now;
 * otherwise it is, in one line and with what would help, the reason that is returned: to be freed,
 * NULL if nothing is known. `libfuse` is what libfuse itself has said, or "".
 */
char *refusal_end(struct refusal *refusal, bool mounted, const char *libfuse);

#endif
