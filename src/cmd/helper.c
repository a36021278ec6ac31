// SPDX-License-Identifier: MIT
#include "cmd/helper.h"

#include <stdio.h>

#include "cmd/cmd.h"

int helper_failed(const char *subject, int error, const char *reason)
{
	cmd_failed(subject, error, reason);
	return HELPER_FAILED;
}

int helper_usage(const struct command *command)
{
	fprintf(stderr, "platterfs: usage: %s %s\n", command->name, command->arguments);
	return HELPER_USAGE;
}
