// SPDX-License-Identifier: MIT
/* control.h for commands. */
#include <errno.h>
#include <glob.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "mount/control.h"
#include "mount/control_socket.h"
#include "mount/mountpoint.h"
#include "util/macros.h"

/* What 10^5 volumes have to say. */
#define STATUS_LIMIT (64 * MIB)

/* The first of the user's folders in which somebody listens for this mount. */
static int control_ask(dev_t device, uid_t user, const char *word)
{
	char folder[CONTROL_FOLDER_BYTES], path[96];
	int r = -ENOENT;

	for (unsigned choice = 0; choice < CONTROL_FOLDERS && r < 0; choice++) {
		control_folder(user, choice, folder);
		snprintf(path, sizeof(path), "%s/%u.sock", folder, minor(device));
		r = control_socket_ask(path, user, word);
	}
	return r;
}

int control_wait(dev_t device, uid_t user)
{
	return control_ask(device, user, "wait");
}

/* NULL unless it is whole, and of a size that a status can have. */
static struct json_object *status_read(int fd)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *mount = NULL;
	size_t total = 0;
	char bytes[65536];
	ssize_t length;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &control_patience, sizeof(control_patience));
	while (!mount && total < STATUS_LIMIT && (length = read(fd, bytes, sizeof(bytes))) > 0) {
		mount = json_tokener_parse_ex(tokener, bytes, (int)length);
		total += (size_t)length;
	}
	json_tokener_free(tokener);
	return mount;
}

int control_status(dev_t device, uid_t user, struct json_object **ret_mount)
{
	_cleanup_fd_ int fd = control_ask(device, user, "status");

	if (fd < 0)
		return fd;
	*ret_mount = status_read(fd);
	return 0;
}

static int each_socket(const char *path, uid_t user,
		       int (*each)(struct json_object *mount, const char *socket_path, void *data),
		       void *data)
{
	_cleanup_fd_ int fd = control_socket_ask(path, user, "status");
	struct json_object *mount;
	int r;

	/* Left by a daemon that was killed; in another user's folder it is his. */
	if (fd == -ECONNREFUSED && user == geteuid())
		unlink(path);
	if (fd < 0)
		return 0;
	mount = status_read(fd);
	r = each(mount, path, data);
	json_object_put(mount);
	return r;
}

static int each_of_user(uid_t user,
			int (*each)(struct json_object *mount, const char *socket_path, void *data),
			void *data)
{
	char folder[CONTROL_FOLDER_BYTES], pattern[96];
	int r = 0;

	for (unsigned choice = 0; choice < (user == 0 ? 1 : CONTROL_FOLDERS); choice++) {
		glob_t sockets = {0};

		control_folder(user, choice, folder);
		snprintf(pattern, sizeof(pattern), "%s/*.sock", folder);
		glob(pattern, 0, NULL, &sockets);
		for (size_t i = 0; r == 0 && i < sockets.gl_pathc; i++)
			r = each_socket(sockets.gl_pathv[i], user, each, data);
		globfree(&sockets);
	}
	return r;
}

/* Of all mounts that platterfs has here, those whose daemons root would not find in /run/platterfs.
 */
static int each_user(int (*each)(struct json_object *mount, const char *socket_path, void *data),
		     void *data)
{
	uid_t *users = NULL;
	size_t count = 0;
	int r = mountpoint_users(&users, &count);

	for (size_t i = 0; r == 0 && i < count; i++)
		if (users[i] != 0)
			r = each_of_user(users[i], each, data);
	free(users);
	return r;
}

int control_each(int (*each)(struct json_object *mount, const char *socket_path, void *data),
		 void *data)
{
	int r = each_of_user(geteuid(), each, data);

	return r == 0 && geteuid() == 0 ? each_user(each, data) : r;
}
