/* SPDX-License-Identifier: MIT */
/* Latencies: counts in buckets of an eighth of a power of two, so a percentile is within 12.5 %. */
#ifndef DATA_HISTOGRAM_H
#define DATA_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

enum {
	HISTOGRAM_STEPS = 8,       /* buckets a power of two */
	HISTOGRAM_BUCKETS = 38 * 8 /* up to 2^40 ns, 18 minutes */
};

struct histogram {
	_Atomic uint32_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/* Upper bound in nanoseconds of what the fraction `part` (0 to 1) stays below; 0 without counts. */
uint64_t histogram_percentile(const struct histogram *histogram, double part);

#endif
