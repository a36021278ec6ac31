// SPDX-License-Identifier: MIT
/* What `platterfs status --json` tells of the volumes of a mount. */
#include <fcntl.h>
#include <json-c/json.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "mount/listing.h"
#include "mount/namespace.h"
#include "mount/node.h"
#include "util/macros.h"

static struct json_object *latency_json(const struct histogram *latency)
{
	static const struct {
		const char *name;
		double part;
	} percentiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < ARRAY_LENGTH(percentiles); i++)
		json_object_object_add(
			object, percentiles[i].name,
			json_object_new_double(
				(double)histogram_percentile(latency, percentiles[i].part) / 1000));
	return object;
}

static struct json_object *error_json(const struct volume_counters *counters)
{
	char text[128];

	if (counters->last_error == 0)
		return NULL;
	snprintf(text, sizeof(text), "%s: %s", (const char *)counters->last_failed,
		 strerror(-counters->last_error));
	return json_object_new_string(text);
}

static struct json_object *volume_json(const char *name, const char *state, uint64_t size,
				       const struct volume_counters *counters)
{
	static const struct volume_counters none;
	struct json_object *object = json_object_new_object();

	counters = counters ? counters : &none;
	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "state", json_object_new_string(state));
	json_object_object_add(object, "size", json_object_new_uint64(size));
	json_object_object_add(object, "reads", json_object_new_uint64(counters->reads));
	json_object_object_add(object, "writes", json_object_new_uint64(counters->writes));
	json_object_object_add(object, "flushes", json_object_new_uint64(counters->flushes));
	json_object_object_add(object, "read_bytes", json_object_new_uint64(counters->read_bytes));
	json_object_object_add(object, "write_bytes",
			       json_object_new_uint64(counters->write_bytes));
	json_object_object_add(object, "errors", json_object_new_uint64(counters->errors));
	json_object_object_add(object, "last_error", error_json(counters));
	json_object_object_add(object, "latency_us", latency_json(&counters->latency));
	return object;
}

static struct json_object *node_json(const struct names *names, const struct node *node)
{
	const char *state = "closed";
	uint64_t size = node->volume.size_bytes;

	if (node->opens > 0)
		state = node->volume.failed ? "failed" : "open";
	return volume_json(node->name, state, size, node->volume.counters);
}

/* While the tree is walked: what is told of, and which names of the folder that leaves. */
struct walk {
	struct names *names;
	struct json_object *volumes;
	struct listing *listing;
};

static void walk_node(const void *where, VISIT visit, void *data)
{
	const struct node *node = *(struct node *const *)where;
	struct walk *walk = data;

	if ((visit != postorder && visit != leaf) || !node->volume.counters)
		return;
	json_object_array_add(walk->volumes, node_json(walk->names, node));
	if (walk->listing)
		listing_take(walk->listing, node->name);
}

static struct json_object *closed_json(const struct names *names, const char *name)
{
	const char *reason;
	_cleanup_fd_ int fd = image_find(names->folder_fd, name, &reason);
	struct stat status = {0};
	uint64_t size = 0;

	if (fd >= 0 && fstat(fd, &status) == 0)
		size = node_size(names, &status);
	return volume_json(name, "closed", size, NULL);
}

void namespace_status(struct names *names, struct json_object *status)
{
	struct walk walk = {.names = names, .volumes = json_object_new_array()};

	if (listing_new(names->folder_fd, names->only, &walk.listing) < 0)
		walk.listing = NULL;
	pthread_mutex_lock(&names->mutex);
	twalk_r(names->nodes, walk_node, &walk);
	pthread_mutex_unlock(&names->mutex);
	for (size_t i = 0; walk.listing && i < walk.listing->count; i++)
		if (!walk.listing->entries[i].taken)
			json_object_array_add(walk.volumes,
					      closed_json(names, walk.listing->entries[i].name));
	if (walk.listing)
		listing_free(walk.listing);
	json_object_object_add(status, "volumes", walk.volumes);
}
