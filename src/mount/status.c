// SPDX-License-Identifier: MIT
/* What `platterfs status --json` tells of the volumes of a mount. */
#include <fcntl.h>
#include <json-c/json.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

#include "mount/listing.h"
#include "mount/namespace.h"
#include "mount/naming.h"
#include "mount/node.h"
#include "mount/node_key.h"
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

static uint64_t closed_size(const struct names *names, const struct part *part,
			    const struct volume_key *key)
{
	const struct part_image image = part_image(part);
	const char *reason;
	_cleanup_fd_ int fd = image_find(names->folder_fd, image.name, &reason);
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 ? node_size(names, part, key, &status) : 0;
}

static bool is_locked(const struct names *names, const struct part *part,
		      const struct volume_key *key)
{
	bool encrypted;

	return !key && node_encrypted(names, part, &encrypted) == 0 && encrypted;
}

static struct json_object *closed_json(const struct names *names, const struct part *part,
				       const struct volume_key *key,
				       const struct volume_counters *counters)
{
	struct naming room;

	return volume_json(naming_volume(names, part, &room),
			   is_locked(names, part, key) ? "locked" : "closed",
			   closed_size(names, part, key), counters);
}

/* What passes by the daemon must have the alignment that the image wants. */
static uint64_t sector_size(const struct node *node)
{
	const struct volume *volume = &node->volume;

	return max_u64(max_u64(512, volume->sector_bytes),
		       node->backing_id ? volume->image.block_bytes : 0);
}

/* Of an open one also what a loop device above it should know. */
static struct json_object *open_json(const struct names *names, const struct node *node)
{
	const struct volume *volume = &node->volume;
	const struct part part = node_part(node);
	const struct part_image image = part_image(&part);
	struct naming room;
	struct json_object *object = volume_json(naming_volume(names, &part, &room),
						 volume->failed ? "failed" : "open",
						 volume->size_bytes, volume->counters);

	json_object_object_add(object, "image", json_object_new_string(image.name));
	json_object_object_add(object, "image_device", json_object_new_uint64(node->device));
	json_object_object_add(object, "image_inode", json_object_new_uint64(node->inode));
	json_object_object_add(object, "image_size",
			       json_object_new_uint64(volume->image.size_bytes));
	json_object_object_add(object, "encrypted",
			       json_object_new_boolean(volume->sectors != NULL));
	/* Reads and writes that pass by the daemon are in none of the counters. */
	json_object_object_add(object, "passthrough",
			       json_object_new_boolean(node->backing_id != 0));
	json_object_object_add(object, "sector_size", json_object_new_uint64(sector_size(node)));
	return object;
}

static struct json_object *node_json(const struct names *names, const struct node *node)
{
	const struct part part = node_part(node);

	return node->opens > 0 ? open_json(names, node)
			       : closed_json(names, &part, node->key, node->volume.counters);
}

/* The nodes that there is something to tell of; those stay as long as the mount does. */
struct walk {
	const struct node **nodes;
	size_t count, room;
};

static void walk_node(const void *where, VISIT visit, void *data)
{
	const struct node *node = *(struct node *const *)where;
	struct walk *walk = data;

	if ((visit != postorder && visit != leaf) || (!node->volume.counters && !node->key))
		return;
	if (walk->count == walk->room) {
		size_t room = walk->room ? 2 * walk->room : 64;
		const struct node **nodes = reallocarray(walk->nodes, room, sizeof(*nodes));

		if (!nodes)
			return;
		walk->nodes = nodes;
		walk->room = room;
	}
	walk->nodes[walk->count++] = node;
}

void namespace_status(struct names *names, struct json_object *status)
{
	struct json_object *volumes = json_object_new_array();
	struct listing *listing;
	struct walk walk = {0};

	if (listing_new(names, &listing) < 0)
		listing = NULL;
	pthread_mutex_lock(&names->mutex);
	twalk_r(names->nodes, walk_node, &walk);
	pthread_mutex_unlock(&names->mutex);
	for (size_t i = 0; i < walk.count; i++) {
		json_object_array_add(volumes, node_json(names, walk.nodes[i]));
		if (listing)
			listing_take(listing, walk.nodes[i]->name);
	}
	for (size_t i = 0; listing && i < listing->count; i++)
		if (!listing->entries[i].taken &&
		    !naming_shadowed(names, &listing->entries[i].part))
			json_object_array_add(
				volumes, closed_json(names, &listing->entries[i].part, NULL, NULL));
	if (listing)
		listing_free(listing);
	free(walk.nodes);
	json_object_object_add(status, "volumes", volumes);
}
