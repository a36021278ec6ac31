// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mount/control.h"
#include "mount/mountpoint.h"
#include "util/macros.h"
#include "util/size.h"

static const char *text_of(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) && value
		       ? json_object_get_string(value)
		       : "";
}

static uint64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(object, name, &value) ? json_object_get_uint64(value) : 0;
}

static int add_mount(struct json_object *mount, const char *socket_path, void *data)
{
	if (mount)
		json_object_array_add(data, json_object_get(mount));
	else
		cmd_failed(socket_path, -ETIMEDOUT, "its daemon does not answer");
	return 0;
}

static void print_volume(struct json_object *volume)
{
	char size[SIZE_TEXT_BYTES];

	size_format(number_of(volume, "size"), size);
	printf("  %-24s %-7s %9s  %10" PRIu64 " reads %10" PRIu64 " writes %8" PRIu64
	       " flushes %4" PRIu64 " errors%s%s\n",
	       text_of(volume, "name"), text_of(volume, "state"), size, number_of(volume, "reads"),
	       number_of(volume, "writes"), number_of(volume, "flushes"),
	       number_of(volume, "errors"), *text_of(volume, "last_error") ? "; last: " : "",
	       text_of(volume, "last_error"));
}

static void print_mount(struct json_object *mount)
{
	struct json_object *volumes;
	char memory[SIZE_TEXT_BYTES];

	size_format(number_of(mount, "memory_bytes"), memory);
	printf("%s: %s\n  engine %s, transport %s, %" PRIu64 " lanes, %s%s\n",
	       text_of(mount, "mountpoint"), text_of(mount, "source"), text_of(mount, "engine"),
	       text_of(mount, "transport"), number_of(mount, "lanes"), memory,
	       strcmp(text_of(mount, "memory_locked"), "true") == 0 ? " locked" : " not locked");
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

/* The one mount at `path`, found without asking any other daemon. */
static int add_one(struct json_object *mounts, const char *path)
{
	_cleanup_free_ char *mountpoint = NULL;
	struct json_object *mount = NULL;
	dev_t device;
	uid_t user;
	int r = mountpoint_resolve(path, &mountpoint);

	if (r == 0)
		r = mountpoint_find(mountpoint, &device, &user);
	if (r == -ENOENT)
		return cmd_failed(path, r, "not a platterfs mount");
	if (r == 0)
		r = control_status(device, user, &mount);
	if (r < 0)
		return cmd_failed(path, r, NULL);
	if (!mount)
		return cmd_failed(path, -ETIMEDOUT, "its daemon does not answer");
	json_object_array_add(mounts, mount);
	return CMD_DONE;
}

static int status(const char *path, bool json)
{
	struct json_object *mounts = json_object_new_array();
	int r = path ? add_one(mounts, path) : control_each(add_mount, mounts);

	if (r == CMD_DONE)
		print_mounts(mounts, json);
	json_object_put(mounts);
	return r < 0 ? cmd_failed("status", r, NULL) : r;
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
