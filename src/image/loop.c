// SPDX-License-Identifier: MIT
#include "image/loop.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/sysfs.h"

int loop_read(const char *name, struct loop *ret_loop)
{
	char direct[8] = "";
	char backing[PATH_MAX];

	if (strncmp(name, "loop", 4) != 0 || strlen(name) >= LOOP_NAME_BYTES)
		return -ENODEV;
	if (sysfs_read(backing, sizeof(backing), "/sys/block/%s/loop/backing_file", name) < 0)
		return -ENXIO;
	sysfs_read(direct, sizeof(direct), "/sys/block/%s/loop/dio", name);
	snprintf(ret_loop->name, sizeof(ret_loop->name), "%s", name);
	snprintf(ret_loop->backing, sizeof(ret_loop->backing), "%s", backing);
	ret_loop->direct = direct[0] == '1';
	return 0;
}

/* The path may mean another file by now: the identity decides. */
static bool loop_is_on(const struct loop *loop, dev_t device, ino_t inode)
{
	struct stat status;

	return stat(loop->backing, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

bool loop_find(dev_t device, ino_t inode, struct loop *ret_loop)
{
	DIR *folder = opendir("/sys/block");
	struct dirent *entry;
	bool found = false;

	if (!folder)
		return false;
	while (!found && (entry = readdir(folder)))
		found = loop_read(entry->d_name, ret_loop) == 0 &&
			loop_is_on(ret_loop, device, inode);
	closedir(folder);
	return found;
}
