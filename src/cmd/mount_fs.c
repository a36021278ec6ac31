// SPDX-License-Identifier: MIT
#include "cmd/mount_fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/serve.h"
#include "mount/chain.h"
#include "mount/driver.h"
#include "mount/mountpoint.h"
#include "mount/options.h"
#include "util/log.h"
#include "util/macros.h"

struct mounting {
	struct chain_request request;
	struct mount_options *options; /* of the daemon */
	int ready_fd;                  /* as serve_in_background(); -1: in the foreground */
};

static int serve_volume(void *data, const char *place, int ready_fd)
{
	const struct mounting *mounting = data;
	const struct serve serve = {.source = mounting->request.image,
				    .mountpoint = place,
				    .options = mounting->options,
				    .ready_fd = ready_fd,
				    .stay = mounting->ready_fd < 0,
				    .with_parent = true};

	return serve_run(&serve);
}

static void tell_ready(void *data)
{
	const struct mounting *mounting = data;
	char ready = 0;

	if (mounting->ready_fd < 0)
		return;
	setsid();
	serve_leave_terminal();
	prctl(PR_SET_PDEATHSIG, 0);
	if (write(mounting->ready_fd, &ready, 1) != 1)
		log_warning("%s: whoever started the mount is gone", mounting->request.folder);
	close(mounting->ready_fd);
}

static int run(void *data, int ready_fd)
{
	struct mounting *mounting = data;
	_cleanup_free_ char *error = NULL;
	int r;

	mounting->ready_fd = ready_fd;
	r = chain_run(&mounting->request, &error);
	if (r == -ECANCELED)
		return CMD_FAILED;
	return r < 0 ? cmd_failed(mounting->request.image, r, error) : CMD_DONE;
}

/* The driver has the user's options for the kernel and libfuse; nobody else looks at the volume. */
static int divide_options(const struct mount_fs *mount, struct mounting *mounting)
{
	struct mount_options *options = mount->options;

	mounting->options = options;
	mounting->request.options = options->fuse;
	options->fuse = NULL;
	options->auto_unmount = false;
	/* The driver keeps next to nothing, and nobody else has the volume. */
	options->cached = true;
	if (!options->image.volume.read_only)
		return 0;
	mounting->request.read_only = true;
	options->fuse = strdup("ro");
	return options->fuse ? 0 : -ENOMEM;
}

/* As mount(8) does with a device that is write-protected. */
static void look_at_image(const struct mount_fs *mount)
{
	const struct driver *driver = mount->type ? driver_find(mount->type) : NULL;
	struct image_options *image = &mount->options->image;

	if ((driver && driver->read_only) || image->volume.read_only) {
		image->volume.read_only = true;
	} else if (access(mount->image, W_OK) < 0 && (errno == EACCES || errno == EROFS) &&
		   access(mount->image, R_OK) == 0) {
		image->volume.read_only = true;
		log_warning("%s: write-protected, so mounted read-only", mount->image);
	}
}

static int check(const struct mount_fs *mount, const struct mounting *mounting)
{
	_cleanup_free_ char *error = NULL;
	struct stat status;
	bool folder;
	int r;

	if (stat(mount->image, &status) < 0)
		return cmd_failed(mount->image, -errno, NULL);
	if (!S_ISREG(status.st_mode))
		return cmd_failed(mount->image, -EINVAL,
				  "no image: --fs mounts what is in one file");
	if (mount->options->table)
		return cmd_failed(mount->image, -EINVAL,
				  "table= is for a folder of images, and --fs for one image");
	if (mount->options->image.partitions)
		return cmd_failed(mount->image, -EINVAL,
				  "option partitions: start= and length= choose the one that --fs "
				  "mounts");
	r = chain_check(&mounting->request, &folder, &error);
	return r < 0 ? cmd_failed(folder ? mount->folder : mount->image, r, error) : CMD_DONE;
}

int mount_fs(const struct mount_fs *mount)
{
	_cleanup_free_ char *image = realpath(mount->image, NULL), *folder = NULL,
			    *driver_options = NULL;
	struct mounting mounting = {.ready_fd = -1};
	int r;

	if (!image)
		return cmd_failed(mount->image, -errno, NULL);
	r = mountpoint_resolve(mount->folder, &folder);
	if (r < 0)
		return cmd_failed(mount->folder, r, NULL);
	look_at_image(mount);
	r = divide_options(mount, &mounting);
	driver_options = (char *)mounting.request.options;
	if (r < 0)
		return cmd_failed(mount->image, r, NULL);
	mounting.request.image = image;
	mounting.request.folder = folder;
	mounting.request.type = mount->type;
	mounting.request.serve = serve_volume;
	mounting.request.ready = tell_ready;
	mounting.request.data = &mounting;
	r = check(mount, &mounting);
	if (r != CMD_DONE)
		return r;
	return mount->foreground ? run(&mounting, -1)
				 : serve_in_background(mount->image, run, &mounting);
}
