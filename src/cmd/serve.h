/* SPDX-License-Identifier: MIT */
/* A process becomes the daemon of a mount; and whoever started it waits until it serves. */
#ifndef CMD_SERVE_H
#define CMD_SERVE_H

#include <stdbool.h>

struct mount_options;

struct serve {
	const char *source, *mountpoint;
	struct mount_options *options;
	int ready_fd;     /* gets one byte, 0, once it serves; -1: nobody waits */
	bool stay;        /* keeps standard error for its log, though somebody waits */
	bool with_parent; /* ends when the process that forked it does, however that ends */
};

/* Until it is unmounted. The exit code; what is wrong has been said. */
int serve_run(const struct serve *serve);

/*
 * Forks, and returns the exit code once `run` has written its byte, or ended before. Only the child
 * calls `run`, and returns what that returns.
 */
int serve_in_background(const char *source, int (*run)(void *data, int ready_fd), void *data);

/* From here on nobody looks at standard error, and no folder is held that somebody may unmount. */
void serve_leave_terminal(void);

#endif
