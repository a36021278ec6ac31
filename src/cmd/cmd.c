// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

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

	if (format) {
		fprintf(stderr, "platterfs %s: ", command->name);
		va_start(arguments, format);
		vfprintf(stderr, format, arguments);
		va_end(arguments);
		fputc('\n', stderr);
	}
	fprintf(stderr, "usage: platterfs %s %s\n", command->name, command->arguments);
	return CMD_USAGE;
}

int cmd_help(const struct command *command)
{
	printf("platterfs %s %s\n\n%s\n", command->name, command->arguments, command->summary);
	if (command->help)
		printf("\n%s", command->help);
	return CMD_DONE;
}
