// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mount/control.h"
#include "mount/mountpoint.h"
#include "util/macros.h"

/* After this, whoever waits is told what for. */
#define PATIENCE_MS 5000

/* A namespace made meanwhile has a copy of the mount, and nobody sees into it from here. */
static void say_waiting(const char *mountpoint, int daemon)
{
	struct pollfd end = {.fd = daemon, .events = POLLIN};

	if (poll(&end, 1, PATIENCE_MS) == 0)
		fprintf(stderr,
			"platterfs: %s: unmounted here; waiting for what is still written, or for "
			"another mount namespace that has it too (rootless podman: podman system "
			"migrate)\n",
			mountpoint);
}

/* The daemon flushes and closes all volumes, then says how that went. */
static int wait_done(const char *mountpoint, int daemon)
{
	int r;

	say_waiting(mountpoint, daemon);
	r = control_wait_end(daemon);
	if (r == 0)
		return CMD_DONE;
	return cmd_failed(mountpoint, r,
			  r == -EIO ? "unmounted, but a write or the last flush failed: see the log"
				    : "unmounted, but its daemon died before it had flushed");
}

static int unmounted(const char *mountpoint, dev_t device, int daemon)
{
	if (daemon >= 0 && mountpoint_exists(device) > 0) {
		printf("%s: unmounted; the same volumes are still mounted elsewhere\n", mountpoint);
		return CMD_DONE;
	}
	if (daemon >= 0)
		return wait_done(mountpoint, daemon);
	return cmd_failed(mountpoint, daemon,
			  "unmounted, but its daemon cannot be asked whether everything is on the "
			  "device");
}

/*
 * The filesystem of a chain: its keeper takes down what is below, once the driver has ended. It may
 * have taken all of it down already, because something has died.
 */
static int unmount_chain(const char *mountpoint)
{
	_cleanup_free_ char *error = NULL;
	dev_t device;
	uid_t user;
	int r = mountpoint_find_fuse(mountpoint, &device, &user);
	int keeper = r < 0 ? r : control_wait_chain(device, user);

	if (keeper < 0)
		return cmd_failed(mountpoint, -ENOENT, "not a platterfs mount");
	r = mountpoint_unmount(mountpoint, false, &error);
	if (r == 0 && mountpoint_exists(device) > 0) {
		printf("%s: unmounted; the same filesystem is still mounted elsewhere\n",
		       mountpoint);
		close(keeper);
		return CMD_DONE;
	}
	if (r == 0)
		return wait_done(mountpoint, keeper);
	close(keeper);
	return cmd_failed(mountpoint, r,
			  r == -EBUSY
				  ? "in use: a program has a file or folder of it open, or works "
				    "in it; nothing was unmounted"
				  : error);
}

static int unmount(const char *mountpoint)
{
	_cleanup_free_ char *error = NULL;
	dev_t device;
	uid_t user;
	bool dead = false;
	int daemon;
	int r = mountpoint_find(mountpoint, &device, &user);

	if (r == -ENOENT)
		return unmount_chain(mountpoint);
	if (r < 0)
		return cmd_failed(mountpoint, r, NULL);
	daemon = control_wait(device, user);
	/* Without a daemon, asking the mount is no risk. */
	if (daemon < 0)
		dead = mountpoint_is_dead(mountpoint);
	r = mountpoint_unmount(mountpoint, dead, &error);
	if (r == -EBUSY)
		return cmd_failed(mountpoint, r,
				  "in use: unmount what lies on its volumes, and detach their loop "
				  "devices, first");
	if (r < 0)
		return cmd_failed(mountpoint, r, error);
	return dead ? CMD_DONE : unmounted(mountpoint, device, daemon);
}

static int umount_run(const struct command *command, int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {0}};
	_cleanup_free_ char *mountpoint = NULL;
	int option, r;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0)
		return option == 'h' ? cmd_help(command) : cmd_bad_option(command, argv);
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
	.summary = "Unmounts, and waits until everything is on the device; of a filesystem that "
		   "mount\n"
		   "has found in an image, also the volume below it.",
	.run = umount_run,
};
