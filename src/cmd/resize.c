// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/interrupt.h"
#include "crypt/unlock.h"
#include "image/loop.h"
#include "image/loop_attach.h"
#include "image/resize.h"
#include "image/type.h"
#include "mount/control.h"
#include "mount/holder.h"
#include "mount/inner.h"
#include "mount/mountpoint.h"
#include "util/macros.h"
#include "util/progress.h"
#include "util/size.h"

struct resizing {
	const char *path;
	uint64_t to_bytes;
	bool shrink, noise, help;
};

static int resize_said(const struct resizing *resizing)
{
	char text[SIZE_TEXT_BYTES];

	printf("%s: %s (%llu bytes)\n", resizing->path, size_format(resizing->to_bytes, text),
	       (unsigned long long)resizing->to_bytes);
	return CMD_DONE;
}

/* The progress bar of a growth, here or in a daemon, and the user who has seen enough. */
struct watching {
	struct progress progress;
	const volatile sig_atomic_t *interrupt;
	char *label;
};

static int watching_start(struct watching *watching, const struct resizing *resizing,
			  uint64_t from_bytes)
{
	uint64_t total = resizing->to_bytes - min_u64(from_bytes, resizing->to_bytes);

	if (asprintf(&watching->label, "extending %s", resizing->path) < 0)
		return -ENOMEM;
	watching->interrupt = interrupt_watch();
	progress_start(&watching->progress, watching->label, total, 0);
	return 0;
}

static void watching_end(struct watching *watching)
{
	progress_finish(&watching->progress);
	free(watching->label);
}

/* A fill_watch. */
static int watch(void *context, uint64_t done_bytes)
{
	struct watching *watching = context;

	if (*watching->interrupt)
		return -EINTR;
	progress_update(&watching->progress, done_bytes);
	return 0;
}

/* An image that nobody has open ------------------------------------------- */

static int shrink_refused(const struct resizing *resizing, const char *what, uint64_t needed)
{
	_cleanup_free_ char *reason = NULL;

	if (asprintf(&reason,
		     "%s in it needs %llu bytes: shrink that first, or choose a larger size", what,
		     (unsigned long long)needed) < 0)
		reason = NULL;
	return cmd_failed(resizing->path, -EINVAL, reason);
}

/* What is in an encrypted one, nobody sees without its key; of LUKS, its header is known. */
static int shrink_check(const struct resizing *resizing, struct image *image, enum image_type type)
{
	const struct unlock_request request = {.type = UNLOCK_LUKS,
					       .length_bytes = image->size_bytes,
					       .key_slot = UNLOCK_ANY_SLOT};
	char reason[UNLOCK_REASON_BYTES];
	const char *what = "a LUKS volume";
	struct volume_key key;
	struct loop loop;
	uint64_t needed = 0;
	int r;

	if (!resizing->shrink)
		return cmd_failed(resizing->path, -EINVAL,
				  "larger than that: what lies behind would be lost; --shrink "
				  "after the filesystem in it has been shrunk");
	if (loop_find(image->device, image->inode, &loop))
		return cmd_failed(resizing->path, -EBUSY, "a loop device lies on it");
	if (type == IMAGE_RAW)
		r = image_needed(image, &needed, &what);
	else
		r = unlock_inspect(&request, image->direct_fd, -1, &key, reason);
	if (r < 0)
		return cmd_failed(resizing->path, r, type == IMAGE_RAW ? NULL : reason);
	if (type != IMAGE_RAW)
		needed = key.data_offset_bytes + max_u64(key.size_bytes, key.sector_size);
	return needed > resizing->to_bytes ? shrink_refused(resizing, what, needed) : CMD_DONE;
}

static int shrink(const struct resizing *resizing, struct image *image, enum image_type type)
{
	int r = shrink_check(resizing, image, type);

	if (r != CMD_DONE)
		return r;
	r = image_cut(image, resizing->to_bytes);
	return r < 0 ? cmd_failed(resizing->path, r, NULL) : resize_said(resizing);
}

static int extend(const struct resizing *resizing, struct image *image, bool noise)
{
	struct watching watching;
	const struct resize_request request = {.to_bytes = resizing->to_bytes,
					       .noise = noise || resizing->noise,
					       .watch = watch,
					       .watch_context = &watching};
	int r = watching_start(&watching, resizing, image->size_bytes);

	if (r == 0) {
		r = image_extend(image, &request);
		watching_end(&watching);
	}
	if (r < 0)
		return cmd_failed(resizing->path, r,
				  r == -ENOSPC  ? "not enough free space on its filesystem: the "
						  "image has its old size"
				  : r == -EINTR ? "interrupted: the image has its old size"
						: NULL);
	return resize_said(resizing);
}

static int resize_unused(const struct resizing *resizing, struct image *image)
{
	enum image_type type;
	int r = image_type_read(image->direct_fd, 0, &type);

	if (r < 0)
		return cmd_failed(resizing->path, r, NULL);
	if (resizing->to_bytes < image->size_bytes)
		return shrink(resizing, image, type);
	if (resizing->to_bytes > image->size_bytes)
		return extend(resizing, image, type != IMAGE_RAW);
	return resize_said(resizing);
}

/* An image that is served ------------------------------------------------- */

/* The one command that is left to be done. */
static void hint_print(const char *device)
{
	_cleanup_free_ char *folder = NULL, *type = NULL;

	if (inner_find_device(device, 0, &folder, &type) < 0)
		type = inner_type(device);
	if (!type)
		printf("%s\n", device);
	else if (strncmp(type, "ext", 3) == 0)
		printf("%s: next: resize2fs %s\n", device, device);
	else if (strcmp(type, "xfs") == 0)
		printf("%s: next: xfs_growfs %s\n", device, folder ? folder : "MOUNTPOINT");
	else if (strcmp(type, "btrfs") == 0)
		printf("%s: next: btrfs filesystem resize max %s\n", device,
		       folder ? folder : "MOUNTPOINT");
	else
		printf("%s: next: grow the %s in it\n", device, type);
}

static int loop_grown(struct loop_device *device, void *data)
{
	int r = loop_resize(device);

	if (r < 0)
		*(int *)data = cmd_failed(device->path, r, "keeps its old size");
	else
		hint_print(device->path);
	return 0;
}

/* To have devices look at another user's mount, it must be his. */
static bool is_mount_of(const struct holder *holder)
{
	_cleanup_free_ char *path = NULL;
	dev_t device;
	uid_t user;

	return mountpoint_of(holder->device, &path) == 0 &&
	       mountpoint_find(path, &device, &user) == 0 && device == holder->device &&
	       user == holder->user;
}

static int loops_grow(const struct resizing *resizing, const struct holder *holder)
{
	int code = CMD_DONE;
	int r = 0;

	if (holder->user == geteuid() || is_mount_of(holder))
		r = holder_each_loop(holder, loop_grown, &code);
	return r < 0 ? cmd_failed(resizing->path, r,
				  "a loop device on it cannot be opened, and keeps its old size")
		     : code;
}

/* The daemon cuts it back, whether we wait for that or are interrupted once more. */
static int watch_daemon(void *context, uint64_t done_bytes)
{
	int r = watch(context, done_bytes);

	if (r < 0)
		interrupt_forget();
	return r;
}

/* Its daemon does it, which has the image open and locked. */
static int daemon_grow(const struct resizing *resizing, const struct holder *holder,
		       const struct stat *status)
{
	struct watching watching;
	char reason[UNLOCK_REASON_BYTES] = "";
	const struct control_growth growth = {
		.volume = holder->volume,
		.image_device = status->st_dev,
		.image_inode = status->st_ino,
		.to_bytes = resizing->to_bytes,
		.noise = resizing->noise,
		.watch = watch_daemon,
		.context = &watching,
	};
	int r = watching_start(&watching, resizing, (uint64_t)status->st_size);

	if (r < 0)
		return cmd_failed(resizing->path, r, NULL);
	r = control_grow(holder->device, holder->user, &growth, reason);
	watching_end(&watching);
	if (r < 0)
		return cmd_failed(resizing->path, r,
				  r == -EBUSY ? "busy: somebody else is resizing it" : reason);
	return CMD_DONE;
}

/* What it says, the file must show: it may be another user's. */
static int grow_served(const struct resizing *resizing, const struct holder *holder, int image_fd)
{
	struct stat status;
	int code;

	if (fstat(image_fd, &status) < 0)
		return cmd_failed(resizing->path, -errno, NULL);
	code = daemon_grow(resizing, holder, &status);
	if (code != CMD_DONE)
		return code;
	if (fstat(image_fd, &status) < 0)
		return cmd_failed(resizing->path, -errno, NULL);
	if ((uint64_t)status.st_size != resizing->to_bytes)
		return cmd_failed(resizing->path, -EIO,
				  "its daemon says that it has grown, but it has another size");
	resize_said(resizing);
	return loops_grow(resizing, holder);
}

static int resize_served(const struct resizing *resizing)
{
	const char *reason = NULL;
	struct holder holder;
	_cleanup_fd_ int image_fd = image_find(AT_FDCWD, resizing->path, &reason);
	int code, r;

	if (image_fd < 0)
		return cmd_failed(resizing->path, image_fd, reason);
	r = holder_find(resizing->path, &holder);
	if (r < 0)
		return cmd_failed(resizing->path, r, "in use by another program");
	code = grow_served(resizing, &holder, image_fd);
	holder_destroy(&holder);
	return code;
}

static int resize(const struct resizing *resizing)
{
	const char *reason = NULL;
	struct image image;
	int r = image_open(AT_FDCWD, resizing->path, IMAGE_NO_SCAN, &image, &reason);

	if (r == -EBUSY)
		return resize_served(resizing);
	if (r < 0)
		return cmd_failed(resizing->path, r, reason);
	r = resize_unused(resizing, &image);
	image_close(&image);
	return r;
}

static int resize_parse(int argc, char **argv, struct resizing *ret_resizing)
{
	static const struct option longs[] = {{"shrink", no_argument, NULL, 's'},
					      {"noise", no_argument, NULL, 'n'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	int option;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
		if (option == 's')
			ret_resizing->shrink = true;
		else if (option == 'n')
			ret_resizing->noise = true;
		else if (option == 'h')
			ret_resizing->help = true;
		else
			return -EINVAL;
	}
	return 0;
}

static int resize_run(const struct command *command, int argc, char **argv)
{
	struct resizing resizing = {0};

	if (resize_parse(argc, argv, &resizing) < 0)
		return cmd_bad_option(command, argv);
	if (resizing.help)
		return cmd_help(command);
	if (optind + 2 != argc)
		return cmd_usage(command, "an IMAGE and its new SIZE are needed");
	resizing.path = argv[optind];
	if (size_parse(argv[optind + 1], &resizing.to_bytes) < 0 || resizing.to_bytes == 0)
		return cmd_usage(command, "%s: bytes, or a number with K, M, G or T",
				 argv[optind + 1]);
	return resize(&resizing);
}

const struct command cmd_resize = {
	.name = "resize",
	.arguments = "[--shrink] [--noise] IMAGE SIZE",
	.summary = "Gives an image another size. It grows also while it is served, mounted or "
		   "attached: every\nnew block is written, then volume and loop devices have the "
		   "new size; what is left to do,\ngrowing the filesystem, is printed. It shrinks "
		   "only when nobody has it open.",
	.help = "      --shrink   cut it off; the filesystem in it must have been shrunk before\n"
		"      --noise    write noise into the new blocks, not zeros: for an image of "
		"plain\n"
		"                 encryption that is not open; LUKS is recognised\n"
		"  -h, --help     this\n",
	.run = resize_run,
};
