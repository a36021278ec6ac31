// SPDX-License-Identifier: MIT
#include "mount/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "image/image.h"
#include "mount/holder.h"
#include "mount/options.h"
#include "util/error.h"
#include "util/macros.h"

static int refuse_held(const char *image, char **ret_error)
{
	struct holder holder;
	int r;

	if (holder_find(image, &holder) < 0)
		return error_set(ret_error, -EBUSY, "in use by another program");
	r = error_set(ret_error, -EBUSY, "in use: %s%s, by process %d",
		      holder.hidden ? "attached or mounted already" : "served at ",
		      holder.hidden ? "" : holder.mountpoint, holder.pid);
	holder_destroy(&holder);
	return r;
}

/* Nobody could see them: the mount is at no folder. */
static int check_options(const struct attach_request *request, char **ret_error)
{
	struct mount_options options;
	int r;

	options_init(&options);
	r = request->options ? options_parse(&options, request->options, ret_error) : 0;
	if (r == 0 && options.image.partitions)
		r = error_set(ret_error, -EINVAL,
			      "option partitions: is for platterfs mount; here start= and length= "
			      "choose one, and attach --partscan has them all");
	options_destroy(&options);
	return r;
}

/* Opening it now tells more than the daemon's errno will: who has it, direct I/O. */
static int check_image(const struct attach_request *request, char **ret_error)
{
	unsigned flags = IMAGE_NO_SCAN | (request->read_only ? IMAGE_READ_ONLY : 0);
	const char *reason = NULL;
	struct image image;
	int r = image_open(AT_FDCWD, request->image, flags, &image, &reason);

	if (r == 0)
		image_close(&image);
	if (r == -EBUSY)
		return refuse_held(request->image, ret_error);
	return r < 0 && reason ? error_set(ret_error, r, "%s", reason) : r;
}

static int attach_loop(const struct attach_request *request, struct attached *attached,
		       char **ret_error)
{
	const struct loop_request loop = {
		.file_fd = attached->serving.volume_fd,
		.sector_bytes = attached->serving.sector_bytes,
		.read_only = request->read_only,
		.autoclear = request->autoclear,
		.partscan = request->partscan,
	};
	const char *reason;
	int r = loop_attach(&loop, &attached->loop, &reason);

	if (r == 0) {
		/* Only the device holds the volume now: it decides when the daemon ends. */
		close(attached->serving.volume_fd);
		attached->serving.volume_fd = -1;
		return 0;
	}
	serving_end(&attached->serving);
	return error_set(ret_error, r, "loop device: %s", reason ? reason : strerror(-r));
}

int attach(const struct attach_request *request, struct attached *ret_attached, char **ret_error)
{
	int r = 0;

	*ret_error = NULL;
	if (geteuid() != 0)
		return error_set(ret_error, -EPERM, "needs root, as every loop device does");
	r = check_options(request, ret_error);
	if (r == 0)
		r = check_image(request, ret_error);
	if (r < 0)
		return r;
	r = serving_start(request->image, request->options, request->read_only,
			  &ret_attached->serving, ret_error);
	if (r < 0 && r != -ECANCELED && !*ret_error)
		return error_set(
			ret_error, r,
			"its daemon could not open it: %s; its line in the system log says "
			"why",
			strerror(-r));
	return r < 0 ? r : attach_loop(request, ret_attached, ret_error);
}

void attach_leave(struct attached *attached)
{
	close(attached->loop.fd);
	close(attached->serving.end_fd);
}

int attach_end(struct attached *attached)
{
	close(attached->loop.fd);
	return serving_end(&attached->serving);
}

/* Detaching ---------------------------------------------------------------- */

static int take_first(struct loop_device *device, void *data)
{
	*(struct loop_device *)data = *device;
	device->fd = -1;
	return 1;
}

static int find_by_image(const char *image, struct loop_device *ret_device)
{
	struct holder holder;
	int r = holder_find(image, &holder);

	if (r < 0)
		return r;
	r = holder_each_loop(&holder, take_first, ret_device);
	holder_destroy(&holder);
	return r == 0 ? -ENOENT : r < 0 ? r : 0;
}

static int find_device(const char *argument, struct loop_device *ret_device, char **ret_error)
{
	struct stat status;
	int r;

	if (stat(argument, &status) < 0)
		return -errno;
	if (!S_ISBLK(status.st_mode)) {
		r = find_by_image(argument, ret_device);
		return r == -ENOENT ? error_set(ret_error, r, "not attached") : r;
	}
	r = loop_open(argument, ret_device);
	return r == -ENOTBLK ? error_set(ret_error, r, "not a loop device") : r;
}

/* A loop device that somebody has put on a volume that all can see is not ours to take down. */
static int find_serving(const struct loop_device *loop, struct serving *ret_serving,
			char **ret_error)
{
	_cleanup_free_ char *image = NULL;
	dev_t on;
	ino_t inode;
	int r = loop_file(loop, &on, &inode);

	if (r == -ENXIO)
		return error_set(ret_error, r, "nothing is attached there");
	if (r == 0)
		r = serving_image(on, &image);
	if (r == 0)
		r = serving_find(on, ret_serving);
	return r < 0 ? error_set(ret_error, r, "not attached by platterfs attach") : 0;
}

static int detach_loop(struct loop_device *loop, struct serving *serving, char **ret_error)
{
	int lost = loop_detach(loop);
	int r;

	if (lost == -EBUSY) {
		close(serving->end_fd);
		return error_set(ret_error, lost, "in use: unmount it and close it first");
	}
	r = serving_end(serving);
	if (r == -ECONNRESET)
		return error_set(ret_error, -EIO,
				 "detached, but its daemon died before it had flushed");
	return r < 0 || lost < 0
		       ? error_set(ret_error, -EIO,
				   "detached, but a write or the last flush failed: see the log")
		       : 0;
}

int detach(const char *device_or_image, char **ret_error)
{
	struct loop_device loop = {.fd = -1};
	struct serving serving;
	int r = find_device(device_or_image, &loop, ret_error);

	if (r < 0)
		return r;
	r = find_serving(&loop, &serving, ret_error);
	if (r == 0)
		return detach_loop(&loop, &serving, ret_error);
	close(loop.fd);
	return r;
}
