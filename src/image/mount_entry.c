// SPDX-License-Identifier: MIT
#include "image/mount_entry.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

/* fdinfo knows it without asking the filesystem, which may be dead. */
static int mount_id(int fd, int *ret_id)
{
	_cleanup_file_ FILE *info = NULL;
	char line[128];

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	info = fopen(line, "re");
	if (!info)
		return -errno;
	while (fgets(line, sizeof(line), info))
		if (sscanf(line, "mnt_id: %d", ret_id) == 1)
			return 0;
	return -ENOENT;
}

static char *copy_text(const char *text)
{
	return strdup(text ? text : "");
}

static int entry_copy(struct libmnt_fs *fs, struct mount_entry *ret_entry)
{
	struct mount_entry entry = {
		.type = copy_text(mnt_fs_get_fstype(fs)),
		.source = copy_text(mnt_fs_get_source(fs)),
		.target = copy_text(mnt_fs_get_target(fs)),
		.options = mnt_fs_strdup_options(fs),
		.device = mnt_fs_get_devno(fs),
	};

	if (!entry.type || !entry.source || !entry.target || !entry.options) {
		mount_entry_destroy(&entry);
		return -ENOMEM;
	}
	*ret_entry = entry;
	return 0;
}

static int table_find(struct libmnt_table *table, int id, struct mount_entry *ret_entry)
{
	struct libmnt_iter *at = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = at ? -ENOENT : -ENOMEM;

	while (r == -ENOENT && mnt_table_next_fs(table, at, &fs) == 0)
		if (mnt_fs_get_id(fs) == id)
			r = entry_copy(fs, ret_entry);
	mnt_free_iter(at);
	return r;
}

int mount_entry_find(int fd, struct mount_entry *ret_entry)
{
	struct libmnt_table *table;
	int id;
	int r = mount_id(fd, &id);

	if (r < 0)
		return r;
	table = mnt_new_table_from_file("/proc/self/mountinfo");
	if (!table)
		return -ENOENT;
	r = table_find(table, id, ret_entry);
	mnt_unref_table(table);
	return r;
}

void mount_entry_destroy(struct mount_entry *entry)
{
	free(entry->type);
	free(entry->source);
	free(entry->target);
	free(entry->options);
}

bool mount_entry_has(const struct mount_entry *entry, const char *name, const char *value)
{
	char *found = NULL;
	size_t length = 0;

	if (mnt_optstr_get_option(entry->options, name, &found, &length) != 0)
		return false;
	if (!value)
		return length == 0;
	return length == strlen(value) && strncmp(found, value, length) == 0;
}

bool mount_entry_is_platterfs(const struct mount_entry *entry)
{
	return strcmp(entry->type, "fuse.platterfs") == 0;
}
