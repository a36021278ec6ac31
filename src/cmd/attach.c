// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mount/attach.h"
#include "mount/options.h"
#include "util/macros.h"

struct attach_arguments {
	struct attach_request request;
	bool kernel, help;
};

static int attach_parse(int argc, char **argv, struct attach_arguments *ret_arguments)
{
	static const struct option longs[] = {
		{"read-only", no_argument, NULL, 'r'},     {"partscan", no_argument, NULL, 'P'},
		{"options", required_argument, NULL, 'o'}, {"kernel", no_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},          {0}};
	struct attach_request *request = &ret_arguments->request;
	int option;

	while ((option = getopt_long(argc, argv, "rPo:h", longs, NULL)) >= 0) {
		if (option == 'r')
			request->read_only = true;
		else if (option == 'P')
			request->partscan = true;
		else if (option == 'o')
			request->options = optarg;
		else if (option == 'k')
			ret_arguments->kernel = true;
		else if (option == 'h')
			ret_arguments->help = true;
		else
			return -EINVAL;
	}
	return 0;
}

static int attach_image(struct attach_request *request)
{
	_cleanup_free_ char *options = NULL, *error = NULL;
	struct attached attached;
	int r;

	if (asprintf(&options, "%s%s%s", request->options ? request->options : "",
		     request->options && request->read_only ? "," : "",
		     request->read_only ? "ro" : "") < 0)
		return cmd_failed(request->image, -ENOMEM, NULL);
	request->options = options;
	r = attach(request, &attached, &error);
	if (r == -ECANCELED)
		return CMD_FAILED;
	if (r < 0)
		return cmd_failed(request->image, r, error);
	printf("%s\n", attached.loop.path);
	attach_leave(&attached);
	return CMD_DONE;
}

/* What -o says has to fit together before anybody is asked for a passphrase. */
static int attach_check(struct attach_request *request)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;
	int r = CMD_DONE;

	options_init(&options);
	if (request->options && (options_parse(&options, request->options, &error) < 0 ||
				 options_check(&options, &error) < 0)) {
		fprintf(stderr, "platterfs: %s\n", error ? error : strerror(ENOMEM));
		r = CMD_USAGE;
	}
	request->read_only |= options.image.volume.read_only;
	options_destroy(&options);
	return r;
}

static int attach_run(const struct command *command, int argc, char **argv)
{
	struct attach_arguments arguments = {0};
	int r;

	if (attach_parse(argc, argv, &arguments) < 0)
		return cmd_bad_option(command, argv);
	if (arguments.help)
		return cmd_help(command);
	if (optind + 1 != argc)
		return cmd_usage(command, "one IMAGE is needed");
	arguments.request.image = argv[optind];
	if (arguments.kernel)
		return cmd_failed(argv[optind], -EOPNOTSUPP,
				  "--kernel: this version has no kernel module; without it, a "
				  "daemon serves the image");
	r = attach_check(&arguments.request);
	return r == CMD_DONE ? attach_image(&arguments.request) : r;
}

const struct command cmd_attach = {
	.name = "attach",
	.arguments = "[-r] [--partscan] [-o OPTION,...] IMAGE",
	.summary = "Makes a block device of an image, with direct I/O all the way down, and prints "
		   "its name.\nIt stays until platterfs detach.",
	.help = "  -r, --read-only\n"
		"  -P, --partscan        its partitions get devices too: /dev/loop0p1\n"
		"  -o OPTION,...         how it is served: those of platterfs mount\n"
		"      --kernel          without a daemon; not in this version\n"
		"  -h, --help            this\n",
	.run = attach_run,
};
