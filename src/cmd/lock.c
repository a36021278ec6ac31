// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "mount/control.h"
#include "mount/volume_path.h"

static int lock_volume(const char *argument)
{
	char reason[UNLOCK_REASON_BYTES] = "";
	struct volume_path path;
	int r = volume_path_find(argument, &path);

	if (r < 0)
		return cmd_failed(argument, r,
				  r == -EINVAL ? "not a volume of a platterfs mount" : NULL);
	r = control_lock(path.device, path.user, path.volume, reason);
	volume_path_destroy(&path);
	return r < 0 ? cmd_failed(argument, r, *reason ? reason : NULL) : CMD_DONE;
}

static int lock_run(const struct command *command, int argc, char **argv)
{
	static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		return option == 'h' ? cmd_help(command) : cmd_bad_option(command, argv);
	if (optind + 1 != argc)
		return cmd_usage(command, "one MOUNTPOINT/VOLUME is needed");
	return lock_volume(argv[optind]);
}

const struct command cmd_lock = {
	.name = "lock",
	.arguments = "MOUNTPOINT/VOLUME",
	.summary = "Forgets the key of an encrypted volume that nobody has open.",
	.help = "  -h, --help   this\n",
	.run = lock_run,
};
