// SPDX-License-Identifier: MIT
#include "mount/helper_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mount/options.h"
#include "util/macros.h"

static int list_add(char **list, const char *option, size_t length)
{
	char *longer;

	if (asprintf(&longer, "%s%s%.*s", *list ? *list : "", *list && **list ? "," : "",
		     (int)length, option) < 0)
		return -ENOMEM;
	free(*list);
	*list = longer;
	return 0;
}

/* Filesystems have a discard of their own, also with a value. */
static bool is_daemons(const char *option)
{
	static const char *const discards[] = {"discard=keep", "discard=zero", "discard=punch"};

	for (size_t i = 0; i < ARRAY_LENGTH(discards); i++)
		if (strcmp(option, discards[i]) == 0)
			return true;
	return strcmp(option, "discard") != 0 && strncmp(option, "discard=", 8) != 0 &&
	       options_known(option);
}

/* crypttab(5) has more names for it. */
static bool is_read_only(const char *option)
{
	return strcmp(option, "ro") == 0 || strcmp(option, "readonly") == 0 ||
	       strcmp(option, "read-only") == 0;
}

/* Who may use a FUSE mount says nothing where it is a device that is used. */
static bool is_of_mountpoint(const char *option)
{
	return strcmp(option, "allow_other") == 0 || strcmp(option, "allow_root") == 0 ||
	       strcmp(option, "auto_unmount") == 0;
}

static int take_type(struct helper_options *options, const char *type, char **ret_error)
{
	free(options->type);
	options->type = strdup(type);
	if (*type && options->type)
		return 0;
	if (asprintf(ret_error, "option fstype=: a filesystem's name is missing") < 0)
		*ret_error = NULL;
	return -EINVAL;
}

/* `option` is for comparing; `raw` is how it was written, quotes and all. */
static int option_take(struct helper_options *options, const char *option, const char *raw,
		       size_t length, char **ret_error)
{
	int r = 0;

	if (strncmp(option, "fstype=", 7) == 0)
		return take_type(options, option + 7, ret_error);
	if (strcmp(option, "fsck") == 0) {
		options->check = true;
		return 0;
	}
	/* mount(8) and the filesystem have these too. */
	options->nofail |= strcmp(option, "nofail") == 0;
	options->remount |= strcmp(option, "remount") == 0;
	if (strcmp(option, "rw") == 0) {
		options->read_only = false;
		return 0;
	}
	if (is_of_mountpoint(option))
		return list_add(&options->mountpoint, raw, length);
	if (is_read_only(option))
		options->read_only = true;
	else if (strcmp(option, "noauto") != 0 && is_daemons(option))
		r = list_add(&options->daemon, raw, length);
	else
		r = list_add(&options->filesystem, raw, length);
	return r;
}

static int options_take(struct helper_options *options, const char *list, char **ret_error)
{
	_cleanup_free_ char *copy = strdup(list);
	char *rest = copy, *option;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (option = image_options_next(&rest))) {
		const char *raw = list + (option - copy);
		size_t length = rest ? (size_t)(rest - option) - 1 : strlen(raw);

		if (*option)
			r = option_take(options, option, raw, length, ret_error);
	}
	return r;
}

/* Daemon and filesystem both hear of "ro", once. */
static int options_finish(struct helper_options *options)
{
	const char *access = options->read_only ? "ro" : "rw";
	int r = list_add(&options->daemon, access, 2);

	return r < 0 ? r : list_add(&options->filesystem, access, 2);
}

int helper_options_parse(const char *list, struct helper_options *ret_options, char **ret_error)
{
	int r;

	*ret_options = (struct helper_options){0};
	*ret_error = NULL;
	r = options_take(ret_options, list, ret_error);
	return r < 0 ? r : options_finish(ret_options);
}

void helper_options_destroy(struct helper_options *options)
{
	free(options->daemon);
	free(options->filesystem);
	free(options->mountpoint);
	free(options->type);
	*options = (struct helper_options){0};
}
