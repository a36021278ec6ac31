// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cmd_failed(const char *subject, int error, const char *reason)
{
	fprintf(stderr, "platterfs: %s: %s\n", subject, reason ? reason : strerror(-error));
	return CMD_FAILED;
}

int cmd_usage(const struct command *command, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "platterfs: %s: ", command->name);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "; usage: platterfs %s %s\n", command->name, command->arguments);
	return CMD_USAGE;
}

int cmd_bad_option(const struct command *command, char **argv)
{
	return cmd_usage(command, "%s: no such option, or its value is missing",
			 argv[optind > 1 ? optind - 1 : 1]);
}

int cmd_help(const struct command *command)
{
	printf("platterfs %s %s\n\n%s\n", command->name, command->arguments, command->summary);
	if (command->help)
		printf("\n%s", command->help);
	return CMD_DONE;
}
