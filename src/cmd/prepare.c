// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "cmd/interrupt.h"
#include "image/prepare.h"
#include "util/macros.h"
#include "util/size.h"

static int prepare_image(const char *path)
{
	_cleanup_free_ char *label = NULL;
	struct prepare_request request = {.path = path};
	char text[SIZE_TEXT_BYTES];
	const char *reason;
	uint64_t bytes;
	int r;

	if (asprintf(&label, "preparing %s", path) < 0)
		return cmd_failed(path, -ENOMEM, NULL);
	request.label = label;
	request.interrupt = interrupt_watch();
	r = image_prepare(&request, &bytes, &reason);
	if (r < 0)
		return cmd_failed(path, r, reason);
	if (bytes == 0)
		printf("%s: every block is allocated, written and unshared already\n", path);
	else
		printf("%s: prepared, %s made allocated, written and unshared; contents "
		       "unchanged\n",
		       path, size_format(bytes, text));
	return CMD_DONE;
}

static int prepare_run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option != 'h')
			return cmd_bad_option(command, argv);
		return cmd_help(command);
	}
	if (optind + 1 != argc)
		return cmd_usage(command, "one IMAGE is needed");
	return prepare_image(argv[optind]);
}

const struct command cmd_prepare = {
	.name = "prepare",
	.arguments = "IMAGE",
	.summary = "Makes every block of an image allocated, written and unshared, in place. Its "
		   "contents\nstay the same at every moment; if it is interrupted, run it again.",
	.help = "  -h, --help   this\n",
	.run = prepare_run,
};
