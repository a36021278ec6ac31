// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd/mounts.h"
#include "util/macros.h"
#include "util/size.h"
#include "util/text.h"

/* Names are whatever somebody has called his files, and the daemon may be another user's. */
static __attribute__((format(printf, 1, 2))) void print_line(const char *format, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&line, format, arguments) < 0)
		line = NULL;
	va_end(arguments);
	if (line)
		puts(text_tame(line));
}

static void print_volume(struct json_object *volume)
{
	char size[SIZE_TEXT_BYTES];

	size_format(mounts_number(volume, "size"), size);
	print_line("  %-24s %-7s %9s  %10" PRIu64 " reads %10" PRIu64 " writes %8" PRIu64
		   " flushes %4" PRIu64 " errors%s%s",
		   mounts_text(volume, "name"), mounts_text(volume, "state"), size,
		   mounts_number(volume, "reads"), mounts_number(volume, "writes"),
		   mounts_number(volume, "flushes"), mounts_number(volume, "errors"),
		   *mounts_text(volume, "last_error") ? "; last: " : "",
		   mounts_text(volume, "last_error"));
}

static void print_mount(struct json_object *mount)
{
	const char *type = mounts_text(mount, "fstype"), *device = mounts_text(mount, "device");
	struct json_object *volumes;
	char memory[SIZE_TEXT_BYTES];

	size_format(mounts_number(mount, "memory_bytes"), memory);
	print_line("%s: %s%s%s%s%s", mounts_place(mount), mounts_text(mount, "source"),
		   *type ? ", " : "", type, *type && *device ? " on " : "", *type ? device : "");
	print_line("  engine %s, transport %s, %" PRIu64 " lanes, %s%s",
		   mounts_text(mount, "engine"), mounts_text(mount, "transport"),
		   mounts_number(mount, "lanes"), memory,
		   strcmp(mounts_text(mount, "memory_locked"), "true") == 0 ? " locked"
									    : " not locked");
	if (!json_object_object_get_ex(mount, "volumes", &volumes))
		return;
	for (size_t i = 0; i < json_object_array_length(volumes); i++)
		print_volume(json_object_array_get_idx(volumes, i));
}

static void print_mounts(struct json_object *mounts, bool json)
{
	if (json) {
		struct json_object *all = json_object_new_object();

		json_object_object_add(all, "mounts", json_object_get(mounts));
		printf("%s\n",
		       json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(all);
		return;
	}
	for (size_t i = 0; i < json_object_array_length(mounts); i++)
		print_mount(json_object_array_get_idx(mounts, i));
}

static int status(const char *path, bool json)
{
	struct mounts mounts;
	const char *reason;
	int r = mounts_read(path, &mounts, &reason);

	if (r < 0)
		return cmd_failed(path ? path : "status", r, reason);
	for (size_t i = 0; i < json_object_array_length(mounts.silent); i++)
		cmd_failed(json_object_get_string(json_object_array_get_idx(mounts.silent, i)),
			   -ETIMEDOUT, "its daemon does not answer");
	print_mounts(mounts.list, json);
	mounts_destroy(&mounts);
	return CMD_DONE;
}

static int status_run(const struct command *command, int argc, char **argv)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", longs, NULL)) >= 0) {
		if (option != 'j')
			return option == 'h' ? cmd_help(command) : cmd_bad_option(command, argv);
		json = true;
	}
	if (argc - optind > 1)
		return cmd_usage(command, "at most one mount point");
	return status(argv[optind], json);
}

const struct command cmd_status = {
	.name = "status",
	.arguments = "[--json] [MOUNTPOINT]",
	.summary = "What is mounted, and what its volumes have done.",
	.help = "  --json   the same for programs, with latencies\n",
	.run = status_run,
};
