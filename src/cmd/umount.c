// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "mount/control.h"
#include "mount/mountpoint.h"
#include "util/macros.h"

struct search {
	const char *mountpoint;
	int fd; /* of a daemon that tells us when it is done */
};

static int ask_to_tell(struct json_object *mount, const char *socket_path, void *data)
{
	struct search *search = data;
	struct json_object *mountpoint;

	if (!json_object_object_get_ex(mount, "mountpoint", &mountpoint) ||
	    strcmp(json_object_get_string(mountpoint), search->mountpoint) != 0)
		return 0;
	search->fd = control_ask(socket_path, "wait");
	return 1;
}

/* The daemon flushes and closes all volumes, then says how that went. */
static int wait_done(const char *mountpoint, int fd)
{
	char word[8] = "";
	size_t length = 0;
	ssize_t got;

	while (length < sizeof(word) - 1 &&
	       (got = read(fd, word + length, sizeof(word) - 1 - length)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		length += got > 0 ? (size_t)got : 0;
	}
	if (strcmp(word, "done\n") == 0)
		return CMD_DONE;
	return cmd_failed(mountpoint, -EIO,
			  *word ? "unmounted, but the last flush failed: see the log"
				: "unmounted, but its daemon died before it had flushed");
}

static int unmount(const char *mountpoint)
{
	struct search search = {.mountpoint = mountpoint, .fd = -1};
	int r = mountpoint_is_ours(mountpoint);

	if (r <= 0)
		return cmd_failed(mountpoint, r, r < 0 ? NULL : "not a platterfs mount");
	control_each(ask_to_tell, &search);
	r = mountpoint_unmount(mountpoint, mountpoint_is_dead(mountpoint));
	if (r < 0)
		r = cmd_failed(mountpoint, r,
			       r == -EBUSY ? "in use: unmount what lies on its volumes, and detach "
					     "their loop devices, first"
					   : NULL);
	else if (search.fd >= 0)
		r = wait_done(mountpoint, search.fd);
	if (search.fd >= 0)
		close(search.fd);
	return r;
}

static int umount_run(const struct command *command, int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {0}};
	_cleanup_free_ char *mountpoint = NULL;
	int option, r;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0)
		return option == 'h' ? cmd_help(command) : cmd_usage(command, NULL);
	if (argc - optind != 1)
		return cmd_usage(command, "one mount point is needed");
	r = mountpoint_resolve(argv[optind], &mountpoint);
	if (r < 0)
		return cmd_failed(argv[optind], r, NULL);
	return unmount(mountpoint);
}

const struct command cmd_umount = {
	.name = "umount",
	.arguments = "MOUNTPOINT",
	.summary = "Unmounts, and waits until everything is on the device.",
	.run = umount_run,
};
