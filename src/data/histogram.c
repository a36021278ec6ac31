// SPDX-License-Identifier: MIT
#include "data/histogram.h"

/* Values below HISTOGRAM_STEPS have a bucket each; above, the top three bits below the first
 * choose. */
static unsigned bucket_of(uint64_t value)
{
	unsigned power, bucket;

	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	power = 63 - (unsigned)__builtin_clzll(value);
	bucket = (power - 2) * HISTOGRAM_STEPS + (unsigned)(value >> (power - 3) & 7);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_end(unsigned bucket)
{
	unsigned power;

	if (bucket < HISTOGRAM_STEPS)
		return bucket + 1;
	power = bucket / HISTOGRAM_STEPS + 2;
	return (uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS + 1) << (power - 3);
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
	atomic_fetch_add_explicit(&histogram->counts[bucket_of(nanoseconds)], 1,
				  memory_order_relaxed);
}

uint64_t histogram_percentile(const struct histogram *histogram, double part)
{
	uint64_t total = 0, below = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		total += histogram->counts[i];
	if (total == 0)
		return 0;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += histogram->counts[i];
		if ((double)below >= part * (double)total)
			return bucket_end(i);
	}
	return bucket_end(HISTOGRAM_BUCKETS - 1);
}
