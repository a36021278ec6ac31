// SPDX-License-Identifier: MIT
/*
 * `umount.platterfs DIR`, which umount(8) calls for what mount.platterfs has mounted, and, as
 * `umount.fuse.platterfs`, for what platterfs mount has: returns when the loop device is gone, and
 * the daemon has flushed and ended.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/helper.h"
#include "image/loop_attach.h"
#include "mount/inner.h"
#include "mount/mountpoint.h"
#include "mount/serving.h"
#include "util/macros.h"

/* After this, whoever still has the device open is named as the reason for going on. */
#define PATIENCE_MS 5000

static int arguments_parse(int argc, char **argv, struct inner_unmount *unmount)
{
	int option;

	while ((option = getopt(argc, argv, "flnrvN:t:")) >= 0) {
		if (option == 'f')
			unmount->force = true;
		else if (option == 'l')
			unmount->lazy = true;
		else if (option == 'r')
			unmount->read_only = true;
		else if (option == 'N' || option == '?')
			return -EINVAL;
	}
	unmount->folder = argv[optind];
	return optind + 1 == argc ? 0 : -EINVAL;
}

static bool is_on(const char *loop, dev_t serving)
{
	dev_t device;
	ino_t inode;

	return loop_file_at(loop, &device, &inode) == 0 && device == serving;
}

/* Unmounted, but somebody else has the device: nothing is lost, and the daemon serves him. */
static int still_used(const char *folder, const char *loop, const char *how)
{
	fprintf(stderr, "platterfs: %s: unmounted, but %s is %s: its image stays in use\n", folder,
		loop, how);
	return HELPER_DONE;
}

static int wait_gone(const char *folder, const char *loop, struct serving *serving)
{
	struct pollfd end = {.fd = serving->end_fd, .events = POLLIN};
	int r;

	if (is_on(loop, serving->device) && loop_claimed(loop))
		return still_used(folder, loop, "still mounted elsewhere");
	while ((r = poll(&end, 1, PATIENCE_MS)) < 0 && errno == EINTR)
		;
	if (r == 0 && is_on(loop, serving->device))
		return still_used(folder, loop, "still open in another program");
	r = serving_end(serving);
	if (r == 0)
		return HELPER_DONE;
	return helper_failed(
		folder, r,
		r == -EIO ? "unmounted, but a write or the last flush failed: see the log"
			  : "unmounted, but its daemon died before it had flushed");
}

static int unmount_image(const struct inner_unmount *unmount, const char *loop)
{
	_cleanup_free_ char *error = NULL;
	struct serving serving;
	dev_t device;
	ino_t inode;
	int served = loop_file_at(loop, &device, &inode);
	int r;

	if (served == -ENOTBLK || served == -ENOENT)
		return helper_failed(unmount->folder, served, "not mounted by platterfs");
	if (served == 0)
		served = serving_find(device, &serving);
	r = inner_unmount(unmount, &error);
	if (r < 0 || unmount->lazy) {
		if (served == 0)
			close(serving.end_fd);
		return r < 0 ? helper_failed(unmount->folder, r, error) : HELPER_DONE;
	}
	if (served < 0)
		return helper_failed(unmount->folder, served,
				     "unmounted, but its daemon cannot be asked whether everything "
				     "is on the device");
	return wait_gone(unmount->folder, loop, &serving);
}

/* A mount of ours that is not in a loop device; umount(8) wants its own exit code. */
static int unmount_volumes(const char *folder)
{
	char *argv[] = {"umount", (char *)folder, NULL};

	optind = 0;
	return cmd_umount.run(&cmd_umount, 2, argv) == CMD_DONE ? HELPER_DONE : HELPER_FAILED;
}

static int unmount_lazily(const struct inner_unmount *unmount)
{
	_cleanup_free_ char *error = NULL;
	int r = inner_unmount(unmount, &error);

	return r < 0 ? helper_failed(unmount->folder, r, error) : HELPER_DONE;
}

static int unmount_folder(const struct inner_unmount *unmount)
{
	_cleanup_free_ char *source = NULL, *type = NULL;
	int r = inner_find(unmount->folder, &source, &type);

	if (r < 0)
		return helper_failed(unmount->folder, r, r == -ENOENT ? "not mounted" : NULL);
	if (strcmp(type, "fuse.platterfs") == 0)
		return unmount->lazy ? unmount_lazily(unmount) : unmount_volumes(unmount->folder);
	return unmount_image(unmount, source);
}

static int umount_helper_run(const struct command *command, int argc, char **argv)
{
	struct inner_unmount unmount = {0};
	_cleanup_free_ char *folder = NULL;
	int r;

	if (arguments_parse(argc, argv, &unmount) < 0)
		return helper_usage(command);
	r = mountpoint_resolve(unmount.folder, &folder);
	if (r < 0)
		return helper_failed(unmount.folder, r, NULL);
	unmount.folder = folder;
	return unmount_folder(&unmount);
}

const struct command cmd_umount_helper = {
	.name = "umount.platterfs",
	.arguments = "DIR [-flnrv]",
	.run = umount_helper_run,
};
