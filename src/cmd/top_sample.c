// SPDX-License-Identifier: MIT
#include "cmd/top_sample.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const counter_names[COUNTERS] = {
	[COUNTER_READS] = "reads",
	[COUNTER_WRITES] = "writes",
	[COUNTER_FLUSHES] = "flushes",
	[COUNTER_READ_BYTES] = "read_bytes",
	[COUNTER_WRITE_BYTES] = "write_bytes",
	[COUNTER_ERRORS] = "errors",
};

static double latency_of(struct json_object *status, const char *percentile)
{
	struct json_object *latency, *value;

	return json_object_object_get_ex(status, "latency_us", &latency) &&
			       json_object_object_get_ex(latency, percentile, &value)
		       ? json_object_get_double(value)
		       : 0;
}

static void volume_fill(struct sample_volume *volume, struct json_object *status)
{
	volume->status = status;
	volume->name = mounts_text(status, "name");
	for (int i = 0; i < COUNTERS; i++)
		volume->totals[i] = mounts_number(status, counter_names[i]);
	volume->p50_us = latency_of(status, "p50");
	volume->p99_us = latency_of(status, "p99");
}

/* Two volumes may have had the same name, one after the other: they stay in the daemon's order. */
static int compare_names(const void *a, const void *b)
{
	const struct sample_volume *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : (left->place > right->place) - (left->place < right->place);
}

static int mount_fill(struct sample_mount *mount, struct json_object *status)
{
	struct json_object *volumes;

	mount->status = status;
	mount->place = mounts_place(status);
	mount->pid = (int64_t)mounts_number(status, "pid");
	if (!json_object_object_get_ex(status, "volumes", &volumes))
		return 0;
	mount->volumes = calloc(json_object_array_length(volumes) + 1, sizeof(*mount->volumes));
	if (!mount->volumes)
		return -ENOMEM;
	mount->count = json_object_array_length(volumes);
	for (size_t i = 0; i < mount->count; i++) {
		volume_fill(&mount->volumes[i], json_object_array_get_idx(volumes, i));
		mount->volumes[i].place = i;
	}
	qsort(mount->volumes, mount->count, sizeof(*mount->volumes), compare_names);
	return 0;
}

static const struct sample_mount *mount_find(const struct sample *sample,
					     const struct sample_mount *mount)
{
	for (size_t i = 0; i < sample->count; i++)
		if (sample->mounts[i].pid == mount->pid &&
		    strcmp(mounts_text(sample->mounts[i].status, "mountpoint"),
			   mounts_text(mount->status, "mountpoint")) == 0)
			return &sample->mounts[i];
	return NULL;
}

static void volume_compare(struct sample_volume *volume, const struct sample_volume *before)
{
	for (int i = 0; i < COUNTERS; i++) {
		uint64_t base = before ? before->totals[i] : 0;

		volume->done[i] = volume->totals[i] > base ? volume->totals[i] - base : 0;
	}
}

/* Both are sorted by name. */
static void mount_compare(struct sample_mount *mount, const struct sample_mount *before)
{
	size_t other = 0;

	for (size_t i = 0; i < mount->count; i++) {
		struct sample_volume *volume = &mount->volumes[i];

		while (other < before->count &&
		       strcmp(before->volumes[other].name, volume->name) < 0)
			other++;
		if (other < before->count && strcmp(before->volumes[other].name, volume->name) == 0)
			volume_compare(volume, &before->volumes[other++]);
		else
			volume_compare(volume, NULL);
	}
}

static void sample_compare(struct sample *sample, const struct sample *before)
{
	sample->seconds = (double)(sample->taken_ns - before->taken_ns) / 1e9;
	for (size_t i = 0; i < sample->count; i++) {
		const struct sample_mount *mount = mount_find(before, &sample->mounts[i]);

		if (mount)
			mount_compare(&sample->mounts[i], mount);
	}
}

static int sample_fill(struct sample *sample)
{
	size_t count = json_object_array_length(sample->source.list);
	int r = 0;

	sample->mounts = calloc(count + 1, sizeof(*sample->mounts));
	if (!sample->mounts)
		return -ENOMEM;
	for (; sample->count < count && r == 0; sample->count++)
		r = mount_fill(&sample->mounts[sample->count],
			       json_object_array_get_idx(sample->source.list, sample->count));
	return r;
}

int sample_take(const char *path, const struct sample *before, struct sample *ret_sample,
		const char **ret_reason)
{
	struct sample sample = {0};
	struct timespec now;
	int r = mounts_read(path, &sample.source, ret_reason);

	if (r < 0)
		return r;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sample.taken_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	r = sample_fill(&sample);
	if (r < 0) {
		sample_destroy(&sample);
		return r;
	}
	if (before)
		sample_compare(&sample, before);
	*ret_sample = sample;
	return 0;
}

void sample_destroy(struct sample *sample)
{
	for (size_t i = 0; i < sample->count; i++)
		free(sample->mounts[i].volumes);
	free(sample->mounts);
	mounts_destroy(&sample->source);
	*sample = (struct sample){0};
}
