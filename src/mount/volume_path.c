// SPDX-License-Identifier: MIT
#include "mount/volume_path.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "mount/mountpoint.h"
#include "util/macros.h"

static int find_mount(const char *mountpoint, struct volume_path *path)
{
	_cleanup_free_ char *resolved = NULL;
	int r = mountpoint_resolve(mountpoint, &resolved);

	if (r == 0)
		r = mountpoint_find(resolved, &path->device, &path->user);
	return r == -ENOENT ? -EINVAL : r;
}

int volume_path_find(const char *path, struct volume_path *ret_path)
{
	_cleanup_free_ char *for_folder = strdup(path), *for_name = strdup(path);
	struct volume_path found = {0};
	int r;

	if (!for_folder || !for_name)
		return -ENOMEM;
	r = find_mount(dirname(for_folder), &found);
	if (r < 0)
		r = find_mount(path, &found);
	if (r < 0)
		return r;
	found.volume = strdup(basename(for_name));
	if (!found.volume)
		return -ENOMEM;
	*ret_path = found;
	return 0;
}

void volume_path_destroy(struct volume_path *path)
{
	free(path->volume);
	path->volume = NULL;
}
