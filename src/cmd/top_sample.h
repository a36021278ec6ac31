/* SPDX-License-Identifier: MIT */
/* What the volumes of all mounts have done between two moments. */
#ifndef CMD_TOP_SAMPLE_H
#define CMD_TOP_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cmd/mounts.h"

enum counter {
	COUNTER_READS,
	COUNTER_WRITES,
	COUNTER_FLUSHES,
	COUNTER_READ_BYTES,
	COUNTER_WRITE_BYTES,
	COUNTER_ERRORS,
	COUNTERS,
};

/* As in `status --json`. */
extern const char *const counter_names[COUNTERS];

struct sample_volume {
	struct json_object *status;
	const char *name;
	size_t place;              /* among those of its mount, in the daemon's order */
	uint64_t totals[COUNTERS]; /* since the mount */
	uint64_t done[COUNTERS];   /* since the sample before */
	double p50_us, p99_us;     /* since the mount */
};

struct sample_mount {
	struct json_object *status;
	const char *place; /* where it is to be seen */
	int64_t pid;       /* with the mount point, what tells it from another */
	struct sample_volume *volumes;
	size_t count;
};

struct sample {
	struct mounts source; /* what the texts belong to */
	int64_t taken_ns;     /* of CLOCK_MONOTONIC */
	double seconds;       /* since the sample before; 0: there is none */
	struct sample_mount *mounts;
	size_t count;
};

/*
 * Asks the daemons. `before` is an earlier sample of the same, or NULL; what has come since has
 * done everything since, but a mount that is not in it has done nothing yet: it may have been
 * silent only. 0, or negative errno and *ret_reason as mounts_read(). Ended by sample_destroy().
 */
int sample_take(const char *path, const struct sample *before, struct sample *ret_sample,
		const char **ret_reason);
void sample_destroy(struct sample *sample);

#endif
