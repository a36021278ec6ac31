// SPDX-License-Identifier: MIT
/* Not for users: what the daemon starts for -o auto_unmount. */
#include "cmd/cmd.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "mount/auto_unmount.h"
#include "util/size.h"

static int auto_unmount_run(const struct command *command, int argc, char **argv)
{
	uint64_t number;

	if (argc != 2 || number_parse(argv[1], UINT32_MAX, &number) < 0)
		return cmd_usage(command, "one device number is needed");
	return auto_unmount_wait(makedev(0, (unsigned)number)) < 0 ? CMD_FAILED : CMD_DONE;
}

const struct command cmd_auto_unmount = {
	.name = "auto-unmount",
	.arguments = "MINOR",
	.run = auto_unmount_run,
};
