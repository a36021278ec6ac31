// SPDX-License-Identifier: MIT
/*
 * `mount.platterfs IMAGE DIR -o OPTION,...`, which mount(8) calls for `mount -t platterfs`: serves
 * the image, puts a loop device on the volume, and mounts the filesystem that is in it. The device
 * is autoclear: the mount holds it, it holds the daemon, and what fails half way takes down what
 * was there already.
 *
 * A user whom the option `user` lets do this is no root here: mount(8) sees to that.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/helper.h"
#include "cmd/mount_fs.h"
#include "image/loop_attach.h"
#include "mount/attach.h"
#include "mount/check.h"
#include "mount/fstab.h"
#include "mount/inner.h"
#include "mount/helper_options.h"
#include "mount/options.h"
#include "util/macros.h"

struct mounting {
	const char *image;
	char *folder; /* absolute */
	struct helper_options options;
	bool fake;
	bool at_pass; /* the line's sixth field asks for a check, and is left to us */
};

/* What mount(8) passes on; -n and -s, for mtab and unknown options, say nothing to us. */
static int arguments_parse(int argc, char **argv, struct mounting *mounting,
			   const char **ret_options)
{
	int option;

	while ((option = getopt(argc, argv, "sfnvN:o:t:")) >= 0) {
		if (option == 'o')
			*ret_options = optarg;
		else if (option == 'f')
			mounting->fake = true;
		else if (option == 'N' || option == '?')
			return -EINVAL;
	}
	if (optind + 2 != argc)
		return -EINVAL;
	mounting->image = argv[optind];
	mounting->folder = argv[optind + 1];
	return 0;
}

static bool is_same_image(const char *source, const char *image)
{
	_cleanup_free_ char *served = NULL, *path = realpath(image, NULL);
	dev_t device;
	ino_t inode;

	return path && loop_file_at(source, &device, &inode) == 0 &&
	       serving_image(device, &served) == 0 && strcmp(served, path) == 0;
}

/*
 * 0 if the folder is free; 1 if this very image is mounted there, which `mount -a` cannot see; or
 * negative errno. An automount point is free.
 */
static int folder_look(const struct mounting *mounting, char **ret_source)
{
	_cleanup_free_ char *type = NULL;
	int r = inner_find(mounting->folder, ret_source, &type);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (strcmp(type, "autofs") == 0)
		return 0;
	return is_same_image(*ret_source, mounting->image) ? 1 : -EBUSY;
}

static int remount(const struct mounting *mounting, const char *device)
{
	const struct inner_mount mount = {.device = device,
					  .folder = mounting->folder,
					  .options = mounting->options.filesystem};
	_cleanup_free_ char *error = NULL;
	int r = inner_mount(&mount, &error);

	return r < 0 ? helper_failed(mounting->folder, r, error) : HELPER_DONE;
}

/*
 * systemd runs mount(8) in the cgroup of a mount unit. It has only devices checked, and neither it
 * nor anybody else comes to an image before we do.
 */
static bool is_in_mount_unit(void)
{
	static const char suffix[] = ".mount\n";
	_cleanup_file_ FILE *groups = fopen("/proc/self/cgroup", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0, end = sizeof(suffix) - 1;
	ssize_t length;

	while (groups && (length = getline(&line, &size, groups)) > 0)
		if ((size_t)length > end && strcmp(line + length - end, suffix) == 0)
			return true;
	return false;
}

static bool is_left_to_us(const struct mounting *mounting)
{
	struct fstab_line line;
	bool wanted;

	if (!is_in_mount_unit() || fstab_find(mounting->image, mounting->folder, &line) < 0)
		return false;
	wanted = line.pass > 0;
	fstab_line_destroy(&line);
	return wanted;
}

/* As systemd does for disks: what can safely be repaired is; but nothing that is mounted read-only.
 */
static int check(const struct mounting *mounting, const char *type, const char *device)
{
	char *const options[] = {mounting->options.read_only ? "-n" : "-a", NULL};
	_cleanup_free_ char *reason = NULL;
	int r = check_run(type, options, device);

	/* Nor does fsck(8) miss a program that a type does not have. */
	if (r == -ENOENT && !mounting->options.check)
		return HELPER_DONE;
	if (r >= 0 && !(r & ~(CHECK_CORRECTED | CHECK_REBOOT)))
		return HELPER_DONE;
	if (r < 0)
		r = asprintf(&reason, "not mounted: fsck.%s: %s", type, strerror(-r));
	else
		r = asprintf(&reason,
			     "not mounted: fsck.%s found what it does not repair by itself (exit "
			     "code %d): run fsck.platterfs",
			     type, r);
	return helper_failed(mounting->image, -EUCLEAN, r < 0 ? NULL : reason);
}

static const char nothing_known[] =
	"no filesystem is known in it: a new volume, a partition table, or a wrong key";

/* libmount fails also if the filesystem is mounted, but could not be recorded for umount(8). */
static void unmount_half(const struct mounting *mounting, const char *device)
{
	const struct inner_unmount unmount = {.folder = mounting->folder};
	_cleanup_free_ char *source = NULL, *type = NULL, *error = NULL;

	if (inner_find(mounting->folder, &source, &type) == 0 && strcmp(source, device) == 0)
		inner_unmount(&unmount, &error);
}

static int mount_device(const struct mounting *mounting, const char *device)
{
	const struct helper_options *options = &mounting->options;
	_cleanup_free_ char *probed = inner_type(device), *error = NULL, *misfit = NULL;
	const struct inner_mount mount = {.device = device,
					  .folder = mounting->folder,
					  .type = options->type ? options->type : probed,
					  .options = options->filesystem};
	int r;

	if (!mount.type)
		return helper_failed(mounting->image, -EINVAL, nothing_known);
	if (options->check || mounting->at_pass) {
		r = check(mounting, mount.type, device);
		if (r != HELPER_DONE)
			return r;
	}
	r = inner_mount(&mount, &error);
	if (r == 0)
		return HELPER_DONE;
	misfit = inner_misfit(device);
	unmount_half(mounting, device);
	return helper_failed(mounting->image, r, misfit ? misfit : probed ? error : nothing_known);
}

static int mount_image(const struct mounting *mounting)
{
	const struct attach_request request = {.image = mounting->image,
					       .options = mounting->options.daemon,
					       .read_only = mounting->options.read_only,
					       .autoclear = true};
	_cleanup_free_ char *error = NULL;
	struct attached attached;
	int r = attach(&request, &attached, &error);

	if (r == -ECANCELED)
		return HELPER_FAILED;
	if (r < 0)
		return helper_failed(mounting->image, r, error);
	r = mount_device(mounting, attached.loop.path);
	if (r == HELPER_DONE)
		attach_leave(&attached);
	else
		attach_end(&attached);
	return r;
}

static int mount_at_folder(const struct mounting *mounting)
{
	_cleanup_free_ char *source = NULL;
	int r = folder_look(mounting, &source);

	if (mounting->options.remount)
		return r == 1 ? remount(mounting, source)
			      : helper_failed(mounting->folder, -EINVAL,
					      "remount: this image is not mounted there");
	if (r == 1)
		return HELPER_DONE;
	if (r < 0)
		return helper_failed(mounting->folder, r,
				     r == -EBUSY ? "something else is mounted there" : NULL);
	return mount_image(mounting);
}

static int options_of_user(const struct helper_options *helper, struct mount_options *options,
			   char **ret_error)
{
	int r;

	if (helper->remount || helper->check)
		return asprintf(ret_error, "option %s: needs root",
				helper->remount ? "remount" : "fsck") < 0
			       ? -ENOMEM
			       : -EPERM;
	r = options_parse(options, helper->daemon, ret_error);
	if (r == 0)
		r = options_parse(options, helper->filesystem, ret_error);
	if (r == 0 && helper->mountpoint)
		r = options_parse(options, helper->mountpoint, ret_error);
	return r < 0 ? r : options_check(options, ret_error);
}

/* There are no loop devices for him: a FUSE driver works on the volume, as in mount --fs. */
static int mount_as_user(const struct mounting *mounting)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;
	const struct mount_fs mount = {.image = mounting->image,
				       .folder = mounting->folder,
				       .type = mounting->options.type,
				       .options = &options};
	int r;

	options_init(&options);
	r = options_of_user(&mounting->options, &options, &error);
	if (r < 0)
		r = helper_failed(mounting->image, r, error);
	else
		r = mount_fs(&mount) == CMD_DONE ? HELPER_DONE : HELPER_FAILED;
	options_destroy(&options);
	return r;
}

/* What can be seen before anybody is asked for a passphrase. */
static int image_look(const struct mounting *mounting)
{
	struct stat status;

	if (stat(mounting->image, &status) < 0)
		return errno == ENOENT && mounting->options.nofail
			       ? HELPER_DONE
			       : helper_failed(mounting->image, -errno, NULL);
	if (S_ISBLK(status.st_mode))
		return helper_failed(
			mounting->image, -EINVAL,
			"a device: platterfs mounts images (loop, offset= and "
			"sizelimit= are taken by mount(8), which makes a device of the "
			"image; table=FILE has an offset= of ours)");
	if (stat(mounting->folder, &status) == 0 && !S_ISDIR(status.st_mode))
		return helper_failed(mounting->folder, -ENOTDIR, NULL);
	return -1;
}

static int mounting_run(struct mounting *mounting, const char *list)
{
	_cleanup_free_ char *error = NULL, *folder = NULL;
	int r = helper_options_parse(list, &mounting->options, &error);

	if (r < 0)
		return helper_failed(mounting->image, r, error);
	folder = realpath(mounting->folder, NULL);
	if (!folder)
		return helper_failed(mounting->folder, -errno, NULL);
	mounting->folder = folder;
	mounting->at_pass = is_left_to_us(mounting);
	r = image_look(mounting);
	if (r >= 0 || mounting->fake)
		return r >= 0 ? r : HELPER_DONE;
	return geteuid() == 0 ? mount_at_folder(mounting) : mount_as_user(mounting);
}

static int mount_helper_run(const struct command *command, int argc, char **argv)
{
	struct mounting mounting = {0};
	const char *list = "";
	int r;

	if (arguments_parse(argc, argv, &mounting, &list) < 0)
		return helper_usage(command);
	r = mounting_run(&mounting, list);
	helper_options_destroy(&mounting.options);
	return r;
}

const struct command cmd_mount_helper = {
	.name = "mount.platterfs",
	.arguments = "IMAGE DIR [-sfnv] [-o OPTION,...]",
	.run = mount_helper_run,
};
