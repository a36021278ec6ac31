// SPDX-License-Identifier: MIT
#include "mount/above.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/loop_attach.h"
#include "mount/inner.h"
#include "mount/mountpoint.h"

static int take_device(struct loop_device *device, void *data)
{
	struct above *above = data;

	above->device = strdup(device->path);
	return 1;
}

/* This mount, by this user: his daemon may name the place of another's. */
static bool is_mounted(const char *mountpoint, dev_t device, uid_t user)
{
	dev_t found;
	uid_t found_user;

	return mountpoint_find(mountpoint, &found, &found_user) == 0 && found == device &&
	       found_user == user;
}

void above_find(dev_t device, uid_t user, const char *mountpoint, const char *name,
		struct above *ret_above)
{
	const char *names[] = {name, NULL};
	const char *source = mountpoint;

	*ret_above = (struct above){0};
	/* A place of a chain is mounted, and its driver names it as its source. */
	if (!is_mounted(mountpoint, device, user)) {
		if (user == geteuid())
			loop_each_on(device, names, take_device, ret_above);
		source = ret_above->device;
	}
	if (source)
		inner_find_device(source, user, &ret_above->folder, &ret_above->type);
}

void above_destroy(struct above *above)
{
	free(above->device);
	free(above->folder);
	free(above->type);
	*above = (struct above){0};
}
