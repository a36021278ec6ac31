// SPDX-License-Identifier: MIT
#include "mount/holder.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount/control.h"
#include "mount/mountpoint.h"
#include "util/macros.h"

struct search {
	struct stat image;
	struct holder *found;
};

static const char *text_of(struct json_object *object, const char *name)
{
	const char *text = json_object_get_string(json_object_object_get(object, name));

	return text ? text : "";
}

static uint64_t number_of(struct json_object *object, const char *name)
{
	return json_object_get_uint64(json_object_object_get(object, name));
}

/* Only a volume that is open says which image it is: names may mean another one by now. */
static struct json_object *volume_of(struct json_object *mount, const struct stat *image)
{
	struct json_object *volumes = json_object_object_get(mount, "volumes");
	size_t count = volumes ? json_object_array_length(volumes) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *volume = json_object_array_get_idx(volumes, i);

		if (number_of(volume, "image_device") == image->st_dev &&
		    number_of(volume, "image_inode") == image->st_ino)
			return volume;
	}
	return NULL;
}

/* Another user's daemon may say what it likes, unless it is his own image that it speaks of. */
static bool is_trusted(uid_t user, const struct stat *image)
{
	return user == 0 || user == geteuid() || user == image->st_uid;
}

static int holder_fill(struct json_object *mount, struct json_object *volume, dev_t device,
		       uid_t user, struct holder *holder)
{
	int seen = mountpoint_exists(device);

	if (seen < 0)
		return seen;
	*holder = (struct holder){
		.device = device,
		.user = user,
		.pid = json_object_get_int(json_object_object_get(mount, "pid")),
		.hidden = !seen,
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
	struct json_object *volume;
	dev_t device;
	uid_t user;

	if (!mount || control_identify(socket_path, &device, &user) < 0 ||
	    !is_trusted(user, &search->image))
		return 0;
	volume = volume_of(mount, &search->image);
	return volume ? holder_fill(mount, volume, device, user, search->found) : 0;
}

int holder_find(const char *image, struct holder *ret_holder)
{
	struct search search = {.found = ret_holder};
	int r = stat(image, &search.image) < 0 ? -errno : control_each(search_mount, &search);

	return r > 0 ? 0 : r < 0 ? r : -ENOENT;
}

int holder_each_loop(const struct holder *holder,
		     int (*each)(struct loop_device *device, void *data), void *data)
{
	/* At a file, the mountpoint is what the volume is called. */
	const char *names[] = {holder->volume, basename(holder->mountpoint), NULL};

	return loop_each_on(holder->device, names, each, data);
}

void holder_destroy(struct holder *holder)
{
	free(holder->mountpoint);
	free(holder->volume);
	holder->mountpoint = holder->volume = NULL;
}
