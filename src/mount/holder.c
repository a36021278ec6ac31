// SPDX-License-Identifier: MIT
#include "mount/holder.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "mount/control.h"
#include "mount/mountpoint.h"
#include "util/macros.h"

struct search {
	const char *image; /* absolute */
	struct holder *found;
};

static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	json_object_object_get_ex(object, name, &value);
	return value;
}

static const char *text_of(struct json_object *object, const char *name)
{
	const char *text = json_object_get_string(member(object, name));

	return text ? text : "";
}

/* `source` is the image, or its folder. */
static bool is_source(const char *source, const char *image, const char *name)
{
	size_t folder = (size_t)(name - image) - 1;

	if (strcmp(source, image) == 0)
		return true;
	return strcmp(source, "/") == 0
		       ? folder == 0
		       : strlen(source) == folder && strncmp(source, image, folder) == 0;
}

/* Only a volume that is open says which image it is. */
static struct json_object *volume_of(struct json_object *mount, const char *name)
{
	struct json_object *volumes = member(mount, "volumes");
	size_t count = volumes ? json_object_array_length(volumes) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *volume = json_object_array_get_idx(volumes, i);

		if (strcmp(text_of(volume, "image"), name) == 0)
			return volume;
	}
	return NULL;
}

static int holder_fill(struct json_object *mount, struct json_object *volume, unsigned number,
		       struct holder *holder)
{
	int seen = mountpoint_exists(makedev(0, number));

	if (seen < 0)
		return seen;
	*holder = (struct holder){
		.device = makedev(0, number),
		.user = (uid_t)json_object_get_int64(member(mount, "uid")),
		.pid = json_object_get_int(member(mount, "pid")),
		.hidden = !seen,
		.encrypted = json_object_get_boolean(member(volume, "encrypted")),
		.image_bytes = json_object_get_uint64(member(volume, "image_size")),
		.mountpoint = strdup(text_of(mount, "mountpoint")),
		.volume = strdup(text_of(volume, "name")),
	};
	if (holder->mountpoint && holder->volume)
		return 1;
	holder_destroy(holder);
	return -ENOMEM;
}

static int search_mount(struct json_object *mount, const char *socket_path, void *data)
{
	struct search *search = data;
	const char *name = strrchr(search->image, '/') + 1, *number = strrchr(socket_path, '/');
	struct json_object *volume;
	unsigned minor_number;

	if (!mount || sscanf(number, "/%u.sock", &minor_number) != 1 ||
	    !is_source(text_of(mount, "source"), search->image, name))
		return 0;
	volume = volume_of(mount, name);
	return volume ? holder_fill(mount, volume, minor_number, search->found) : 0;
}

int holder_find(const char *image, struct holder *ret_holder)
{
	_cleanup_free_ char *path = realpath(image, NULL);
	struct search search = {.image = path, .found = ret_holder};
	int r = path ? control_each(search_mount, &search) : -errno;

	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

void holder_destroy(struct holder *holder)
{
	free(holder->mountpoint);
	free(holder->volume);
	holder->mountpoint = holder->volume = NULL;
}
