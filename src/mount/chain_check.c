// SPDX-License-Identifier: MIT
/* What can be seen before anybody is asked for a passphrase, and how it is said. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/chain_keeper.h"
#include "mount/driver.h"
#include "mount/mountpoint.h"
#include "util/error.h"
#include "util/macros.h"

static int check_empty(const char *folder, char **ret_error)
{
	DIR *names = opendir(folder);
	struct dirent *entry;
	bool empty = true;

	if (!names)
		return -errno;
	while (empty && (entry = readdir(names)))
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(names);
	return empty ? 0 : error_set(ret_error, -ENOTEMPTY, "not empty: mount at an empty folder");
}

static int check_folder(const char *folder, char **ret_error)
{
	struct stat status;
	dev_t device;

	if (mountpoint_find_any(folder, &device) == 0)
		return error_set(ret_error, -EBUSY, "something is mounted there already");
	if (stat(folder, &status) < 0)
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	if (access(folder, W_OK) < 0)
		return error_set(ret_error, -errno,
				 "no right to write in it, and so none to mount there");
	return check_empty(folder, ret_error);
}

int chain_check_driver(const struct driver *driver, char **ret_error)
{
	_cleanup_free_ char *program = NULL;
	int r = driver_program(driver, &program);

	return r == -ENOENT
		       ? error_set(ret_error, r,
				   "%s needs the FUSE driver %s, which is not installed (Debian: "
				   "package %s)",
				   driver->types[0], driver->program, driver->package)
		       : r;
}

int chain_refuse_type(char **ret_error, const char *how, const char *type)
{
	return error_set(ret_error, -EOPNOTSUPP,
			 "%s %s, for which platterfs knows no FUSE driver (it knows ext2, ext3, "
			 "ext4, squashfs, erofs); as root: mount -t platterfs",
			 how, type);
}

int chain_check(const struct chain_request *request, bool *ret_folder, char **ret_error)
{
	const struct driver *driver = request->type ? driver_find(request->type) : NULL;
	int r;

	*ret_error = NULL;
	*ret_folder = false;
	if (request->type && !driver)
		return chain_refuse_type(ret_error, "asked for", request->type);
	r = driver ? chain_check_driver(driver, ret_error) : 0;
	if (r < 0)
		return r;
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return error_set(ret_error, -errno, "/dev/fuse: %s%s", strerror(errno),
				 errno == EACCES ? ": this user may not use FUSE" : "");
	*ret_folder = true;
	return check_folder(request->folder, ret_error);
}
