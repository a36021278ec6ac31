// SPDX-License-Identifier: MIT
/* Not for users: what unlock() starts. */
#include "cmd/cmd.h"

#include "crypt/unlock.h"

static int unlock_child_run(const struct command *command, int argc, char **argv)
{
	unlock_child();
	return cmd_usage(command, "started by platterfs itself only");
}

const struct command cmd_unlock_child = {
	.name = "unlock-child",
	.arguments = "",
	.run = unlock_child_run,
};
