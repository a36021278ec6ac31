// SPDX-License-Identifier: MIT
#include "mount/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "data/engine.h"
#include "data/lane.h"
#include "data/transport.h"
#include "util/macros.h"
#include "util/size.h"

/* What an option does with its value; the value is NULL if there is no "=". -EINVAL: a bad one. */
typedef int option_set(struct mount_options *options, const char *value);

static int set_engine(struct mount_options *options, const char *value)
{
	static const struct engine *const engines[] = {&engine_uring, &engine_threads};

	options->engine = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(engines); i++)
		if (strcmp(engines[i]->name, value) == 0)
			options->engine = engines[i];
	return options->engine || strcmp(value, "auto") == 0 ? 0 : -EINVAL;
}

static int set_transport(struct mount_options *options, const char *value)
{
	static const struct transport *const transports[] = {&transport_dev, &transport_uring};

	options->transport = NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(transports); i++)
		if (strcmp(transports[i]->name, value) == 0)
			options->transport = transports[i];
	return options->transport || strcmp(value, "auto") == 0 ? 0 : -EINVAL;
}

static int set_count(unsigned *ret_count, const char *value)
{
	uint64_t count;
	int r = number_parse(value, LANES_REQUESTS_LIMIT, &count);

	if (r < 0 || count == 0)
		return -EINVAL;
	*ret_count = (unsigned)count;
	return 0;
}

static int set_lanes(struct mount_options *options, const char *value)
{
	return set_count(&options->lanes, value);
}

static int set_depth(struct mount_options *options, const char *value)
{
	return set_count(&options->depth, value);
}

static int set_table(struct mount_options *options, const char *value)
{
	free(options->table);
	options->table = strdup(value);
	return !options->table ? -ENOMEM : *value ? 0 : -EINVAL;
}

/* Options with a value that are ours; the kernel does not see them. */
static const struct {
	const char *name;
	option_set *set;
} valued[] = {
	{"engine", set_engine}, {"transport", set_transport}, {"lanes", set_lanes},
	{"depth", set_depth},   {"table", set_table},
};

/* For libfuse or the kernel, as they are. */
static const char *const passed[] = {
	"allow_other", "allow_root", "dev",     "nodev", "suid",  "nosuid",  "exec",
	"noexec",      "atime",      "noatime", "sync",  "async", "dirsync",
};

/* For mount(8), systemd and the admin: they stand in fstab, and nobody below needs them. */
static const char *const ignored[] = {
	"defaults",
	"rw",
	"auto",
	"noauto",
	"nofail",
	"user",
	"users",
	"nouser",
	"owner",
	"group",
	"_netdev",
	"default_permissions",
	/* Times are the image's; libfuse does not know these. */
	"diratime",
	"nodiratime",
	"relatime",
	"norelatime",
	"strictatime",
	"lazytime",
	"nolazytime",
	/* Nothing here has a version, a symbolic link or a mandatory lock. */
	"iversion",
	"noiversion",
	"nosymfollow",
	"mand",
	"nomand",
	"silent",
	"loud",
};

static bool listed(const char *const *names, size_t count, const char *name, size_t length)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
			return true;
	return false;
}

#define LISTED(names, name, length) listed(names, ARRAY_LENGTH(names), name, length)

static int option_pass(struct mount_options *options, const char *option)
{
	char *joined;

	/* libfuse takes an empty option for an unknown one. */
	if (asprintf(&joined, "%s%s%s", options->fuse ? options->fuse : "",
		     options->fuse ? "," : "", option) < 0)
		return -ENOMEM;
	free(options->fuse);
	options->fuse = joined;
	return 0;
}

static int option_refuse(char **ret_error, const char *option, const char *why)
{
	if (asprintf(ret_error, "option %s: %s", option, why) < 0)
		*ret_error = NULL;
	return -EINVAL;
}

static int option_parse(struct mount_options *options, const char *option, char **ret_error)
{
	size_t length = strcspn(option, "=");
	const char *value = option[length] ? option + length + 1 : NULL;

	int r;

	if ((!value && LISTED(ignored, option, length)) || strncmp(option, "x-", 2) == 0 ||
	    strncmp(option, "comment=", 8) == 0 || strncmp(option, "user=", 5) == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LENGTH(valued); i++) {
		if (!listed(&valued[i].name, 1, option, length))
			continue;
		if (!value || valued[i].set(options, value) < 0)
			return option_refuse(ret_error, option, "not a value it can have");
		return 0;
	}
	r = image_options_set(&options->image, option);
	if (r != -ENOENT)
		return r < 0 ? option_refuse(ret_error, option, "not a value it can have")
		       : strcmp(option, "ro") == 0 ? option_pass(options, option)
						   : 0;
	if (strcmp(option, "auto_unmount") == 0) {
		options->auto_unmount = true;
		return 0;
	}
	if (!value && LISTED(passed, option, length))
		return option_pass(options, option);
	return option_refuse(ret_error, option, "unknown");
}

bool options_known(const char *option)
{
	size_t length = strcspn(option, "=");

	for (size_t i = 0; i < ARRAY_LENGTH(valued); i++)
		if (listed(&valued[i].name, 1, option, length))
			return true;
	return image_options_known(option);
}

int options_parse(struct mount_options *options, const char *list, char **ret_error)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *option;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (option = image_options_next(&rest)))
		if (*option)
			r = option_parse(options, option, ret_error);
	return r;
}

int options_check(const struct mount_options *options, char **ret_error)
{
	const char *reason;

	if (image_options_check(&options->image, &reason) < 0)
		return option_refuse(ret_error, options->image.plain_option, reason);
	if (options->image.partitions &&
	    (options->image.volume.start_bytes || options->image.volume.length_bytes))
		return option_refuse(ret_error, "partitions",
				     "not with start= or length=, which show one part only");
	return 0;
}

void options_init(struct mount_options *options)
{
	*options = (struct mount_options){0};
	image_options_init(&options->image);
}

void options_destroy(struct mount_options *options)
{
	image_options_destroy(&options->image);
	free(options->table);
	free(options->fuse);
	options->table = options->fuse = NULL;
}
