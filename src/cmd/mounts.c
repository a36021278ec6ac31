// SPDX-License-Identifier: MIT
#include "cmd/mounts.h"

#include <errno.h>
#include <json-c/json.h>

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

	return mountpoint_find(mountpoint, &device, &user) == -ENOENT ? "attached" : mountpoint;
}

static int add_mount(struct json_object *mount, const char *socket_path, void *data)
{
	struct mounts *mounts = data;

	if (mount)
		json_object_array_add(mounts->list, json_object_get(mount));
	else
		json_object_array_add(mounts->silent, json_object_new_string(socket_path));
	return 0;
}

static int add_one(const char *path, struct mounts *mounts, const char **ret_reason)
{
	_cleanup_free_ char *mountpoint = NULL;
	struct json_object *mount = NULL;
	dev_t device;
	uid_t user;
	int r = mountpoint_resolve(path, &mountpoint);

	if (r == 0)
		r = mountpoint_find(mountpoint, &device, &user);
	if (r == -ENOENT)
		*ret_reason = "not a platterfs mount";
	if (r == 0)
		r = control_status(device, user, &mount);
	if (r == 0 && !mount) {
		*ret_reason = "its daemon does not answer";
		r = -ETIMEDOUT;
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
