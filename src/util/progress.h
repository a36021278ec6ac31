/* SPDX-License-Identifier: MIT */
/* A progress bar with rate and time left, on standard error, and only if that is a terminal. */
#ifndef UTIL_PROGRESS_H
#define UTIL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* what is being done: "writing data.img" */
	uint64_t total_bytes;
	uint64_t started_ns;    /* CLOCK_MONOTONIC */
	uint64_t drawn_ns;      /* when the bar was last drawn */
	uint64_t resumed_bytes; /* done before this run: not part of the rate */
	bool terminal;
};

/* `what` must outlive the progress. */
void progress_start(struct progress *progress, const char *what, uint64_t total_bytes,
		    uint64_t resumed_bytes);

/* Draws at most ten times a second. */
void progress_update(struct progress *progress, uint64_t done_bytes);

/* Clears the line. */
void progress_finish(struct progress *progress);

#endif
