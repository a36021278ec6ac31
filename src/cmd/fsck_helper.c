// SPDX-License-Identifier: MIT
/*
 * `fsck.platterfs OPTION... IMAGE`, which fsck(8) calls for lines of fstab(5): serves the image as
 * its line says, and runs the fsck program of the filesystem in it on a loop device.
 */
#include "cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mount/attach.h"
#include "mount/check.h"
#include "mount/fstab.h"
#include "mount/inner.h"
#include "mount/helper_options.h"
#include "util/macros.h"

static int fsck_failed(const char *image, int error, const char *reason)
{
	cmd_failed(image, error, reason);
	return CHECK_FAILED;
}

static int check_device(const char *image, const struct helper_options *options,
			char *const arguments[], const char *device)
{
	_cleanup_free_ char *probed = options->type ? NULL : inner_type(device);
	_cleanup_free_ char *reason = NULL;
	const char *type = options->type ? options->type : probed;
	int r;

	if (!type)
		return fsck_failed(image, -EINVAL, "no filesystem is known in it");
	r = check_run(type, arguments, device);
	if (r >= 0)
		return r;
	r = asprintf(&reason, "fsck.%s: %s", type, strerror(-r));
	return fsck_failed(image, -ENOENT, r < 0 ? NULL : reason);
}

static int check_image(const char *image, const struct helper_options *options,
		       char *const arguments[])
{
	const struct attach_request request = {.image = image,
					       .options = options->daemon,
					       .read_only = options->read_only,
					       .autoclear = true};
	/* A line that says ro leaves nothing to repair with. */
	char *const look_only[] = {"-n", NULL};
	_cleanup_free_ char *error = NULL;
	struct attached attached;
	int code, r = attach(&request, &attached, &error);

	if (r == -ECANCELED)
		return CHECK_FAILED;
	if (r < 0)
		return fsck_failed(image, r, error);
	code = check_device(image, options, options->read_only ? look_only : arguments,
			    attached.loop.path);
	r = attach_end(&attached);
	return r < 0 ? code | fsck_failed(image, r, "a write or the last flush failed: see the log")
		     : code;
}

/* All but the image, which comes last, is for the program. */
static int fsck_helper_run(const struct command *command, int argc, char **argv)
{
	_cleanup_free_ char *error = NULL;
	const char *image = argv[argc - 1];
	struct helper_options options;
	struct fstab_line line;
	int r;

	if (argc < 2 || *image == '-') {
		fprintf(stderr, "platterfs: usage: %s %s\n", command->name, command->arguments);
		return CHECK_FAILED;
	}
	if (fstab_find(image, NULL, &line) < 0)
		return fsck_failed(image, -ENOENT,
				   "no line of fstab has it as platterfs, so nothing says how to "
				   "serve it: platterfs attach, then fsck");
	argv[argc - 1] = NULL;
	r = helper_options_parse(line.options, &options, &error);
	r = r < 0 ? fsck_failed(image, r, error) : check_image(image, &options, argv + 1);
	helper_options_destroy(&options);
	fstab_line_destroy(&line);
	return r;
}

const struct command cmd_fsck_helper = {
	.name = "fsck.platterfs",
	.arguments = "[OPTION...] IMAGE",
	.run = fsck_helper_run,
};
