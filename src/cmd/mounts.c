// SPDX-License-Identifier: MIT
#include "cmd/mounts.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "mount/above.h"
#include "mount/control.h"
#include "mount/mountpoint.h"
#include "util/macros.h"

const char *mounts_text(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) && value
		       ? json_object_get_string(value)
		       : "";
}

uint64_t mounts_number(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ? json_object_get_uint64(value) : 0;
}

const char *mounts_place(struct json_object *mount)
{
	const char *mountpoint = mounts_text(mount, "mountpoint");
	dev_t device;
	uid_t user;

	if (*mounts_text(mount, "folder"))
		return mounts_text(mount, "folder");
	if (*mounts_text(mount, "device"))
		return mounts_text(mount, "device");
	return mountpoint_find(mountpoint, &device, &user) == -ENOENT ? "attached" : mountpoint;
}

static void add_text(struct json_object *mount, const char *name, const char *text)
{
	json_object_object_add(mount, name, text ? json_object_new_string(text) : NULL);
}

/*
 * A mount with something above it serves one image. What is above is for us to say: another user's
 * daemon could name what is not his.
 */
static void add_above(struct json_object *mount, const char *socket_path)
{
	static const char *const names[] = {"device", "folder", "fstype"};
	struct json_object *volumes = json_object_object_get(mount, "volumes");
	struct above above;
	dev_t device;
	uid_t user;

	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		json_object_object_del(mount, names[i]);
	if (!volumes || json_object_array_length(volumes) != 1 ||
	    control_identify(socket_path, &device, &user) < 0)
		return;
	above_find(device, user, mounts_text(mount, "mountpoint"),
		   mounts_text(json_object_array_get_idx(volumes, 0), "name"), &above);
	add_text(mount, "device", above.device);
	add_text(mount, "folder", above.folder);
	add_text(mount, "fstype", above.type);
	above_destroy(&above);
}

static int add_mount(struct json_object *mount, const char *socket_path, void *data)
{
	struct mounts *mounts = data;

	if (mount) {
		add_above(mount, socket_path);
		json_object_array_add(mounts->list, json_object_get(mount));
	} else {
		json_object_array_add(mounts->silent, json_object_new_string(socket_path));
	}
	return 0;
}

struct search {
	const char *path;
	struct json_object *found;
};

static int search_mount(struct json_object *mount, const char *socket_path, void *data)
{
	struct search *search = data;

	if (!mount)
		return 0;
	add_above(mount, socket_path);
	if (strcmp(mounts_text(mount, "folder"), search->path) != 0 &&
	    strcmp(mounts_text(mount, "device"), search->path) != 0)
		return 0;
	search->found = json_object_get(mount);
	return 1;
}

/* The filesystem or the device above one of our mounts. 0, -ENOENT, or negative errno. */
static int find_above(const char *path, struct json_object **ret_mount)
{
	struct search search = {.path = path};
	int r = control_each(search_mount, &search);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_mount = search.found;
	return 0;
}

static int add_one(const char *path, struct mounts *mounts, const char **ret_reason)
{
	_cleanup_free_ char *mountpoint = NULL;
	struct json_object *mount = NULL;
	dev_t device;
	uid_t user;
	int r = mountpoint_resolve(path, &mountpoint);

	if (r == 0 && mountpoint_find(mountpoint, &device, &user) == 0) {
		r = control_status(device, user, &mount);
		if (r == -ENOENT || (r == 0 && !mount)) {
			*ret_reason = "its daemon does not answer";
			return -ETIMEDOUT;
		}
	} else {
		r = r < 0 ? r : find_above(mountpoint, &mount);
		if (r == -ENOENT)
			*ret_reason = "not a platterfs mount";
	}
	if (r == 0)
		json_object_array_add(mounts->list, mount);
	return r;
}

int mounts_read(const char *path, struct mounts *ret_mounts, const char **ret_reason)
{
	struct mounts mounts = {json_object_new_array(), json_object_new_array()};
	int r;

	*ret_reason = NULL;
	r = path ? add_one(path, &mounts, ret_reason) : control_each(add_mount, &mounts);
	if (r < 0)
		mounts_destroy(&mounts);
	else
		*ret_mounts = mounts;
	return r;
}

void mounts_destroy(struct mounts *mounts)
{
	json_object_put(mounts->list);
	json_object_put(mounts->silent);
}
