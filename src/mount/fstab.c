// SPDX-License-Identifier: MIT
#include "mount/fstab.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

static bool is_same_path(const char *path, const char *wanted)
{
	_cleanup_free_ char *real = path ? realpath(path, NULL) : NULL;
	_cleanup_free_ char *real_wanted = realpath(wanted, NULL);

	return real && real_wanted && strcmp(real, real_wanted) == 0;
}

/*
 * Its folder first: to look at the image of another line may wait for an automount that needs this
 * one, or for a server that is gone.
 */
static bool is_line_of(struct libmnt_fs *fs, const char *image, const char *folder)
{
	const char *type = mnt_fs_get_fstype(fs);

	return type && strcmp(type, "platterfs") == 0 &&
	       (!folder || is_same_path(mnt_fs_get_target(fs), folder)) &&
	       is_same_path(mnt_fs_get_source(fs), image);
}

static int line_copy(struct libmnt_fs *fs, struct fstab_line *ret_line)
{
	char *options = mnt_fs_strdup_options(fs);

	if (!options)
		return -ENOMEM;
	*ret_line = (struct fstab_line){.options = options, .pass = mnt_fs_get_passno(fs)};
	return 0;
}

static int table_find(struct libmnt_table *table, const char *image, const char *folder,
		      struct fstab_line *ret_line)
{
	struct libmnt_iter *lines = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs;
	int r = lines ? -ENOENT : -ENOMEM;

	while (r == -ENOENT && mnt_table_next_fs(table, lines, &fs) == 0)
		if (is_line_of(fs, image, folder))
			r = line_copy(fs, ret_line);
	mnt_free_iter(lines);
	return r;
}

int fstab_find(const char *image, const char *folder, struct fstab_line *ret_line)
{
	struct libmnt_table *table = mnt_new_table();
	int r = table ? mnt_table_parse_fstab(table, getenv("FSTAB_FILE")) : -ENOMEM;

	if (r == 0)
		r = table_find(table, image, folder, ret_line);
	mnt_unref_table(table);
	return r;
}

void fstab_line_destroy(struct fstab_line *line)
{
	free(line->options);
	*line = (struct fstab_line){0};
}
