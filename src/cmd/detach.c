// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "mount/attach.h"
#include "util/macros.h"

static int detach_run(const struct command *command, int argc, char **argv)
{
	static const struct option longs[] = {{"help", no_argument, NULL, 'h'}, {0}};
	_cleanup_free_ char *error = NULL;
	int option, r;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0)
		return option == 'h' ? cmd_help(command) : cmd_bad_option(command, argv);
	if (optind + 1 != argc)
		return cmd_usage(command, "one DEVICE or IMAGE is needed");
	r = detach(argv[optind], &error);
	return r < 0 ? cmd_failed(argv[optind], r, error) : CMD_DONE;
}

const struct command cmd_detach = {
	.name = "detach",
	.arguments = "DEVICE|IMAGE",
	.summary = "Takes down what platterfs attach has made, and returns when everything is on "
		   "the\ndisk. Refuses while the device is in use.",
	.help = "  -h, --help   this\n",
	.run = detach_run,
};
