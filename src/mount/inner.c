// SPDX-License-Identifier: MIT
#include "mount/inner.h"

#include <blkid.h>
#include <errno.h>
#include <libmount/libmount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/macros.h"

static int as_errno(int r)
{
	return r > 0 ? -EIO : r;
}

/* libmount tells why as mount(8) would, sometimes in more than one line. */
static int outcome(struct libmnt_context *context, int r, char **ret_error)
{
	char text[512] = "";
	int code = mnt_context_get_excode(context, r, text, sizeof(text));
	int error = mnt_context_get_syscall_errno(context);

	if (code == 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	*ret_error = *text ? strdup(text) : NULL;
	return r < 0 ? r : error > 0 ? -error : -EIO;
}

static int context_fill(struct libmnt_context *context, const struct inner_mount *mount)
{
	int r = mnt_context_disable_helpers(context, 1);

	if (r == 0)
		r = mnt_context_set_source(context, mount->device);
	if (r == 0)
		r = mnt_context_set_target(context, mount->folder);
	if (r == 0 && mount->type)
		r = mnt_context_set_fstype(context, mount->type);
	if (r == 0)
		r = mnt_context_set_options(context, mount->options);
	if (r == 0)
		r = mnt_context_append_options(context, "helper=platterfs");
	return as_errno(r);
}

int inner_mount(const struct inner_mount *mount, char **ret_error)
{
	struct libmnt_context *context = mnt_new_context();
	int r;

	*ret_error = NULL;
	if (!context)
		return -ENOMEM;
	r = context_fill(context, mount);
	if (r == 0)
		r = outcome(context, mnt_context_mount(context), ret_error);
	mnt_free_context(context);
	return r;
}

/*
 * What is recorded of the folder, once nothing is mounted there any more: mount(8) adds a line of
 * its own to ours, for options such as user, and libmount removes but one with the mount.
 */
static void forget_records(const char *folder)
{
	struct libmnt_update *update = mnt_new_update();
	_cleanup_free_ char *source = NULL, *type = NULL;

	if (update && inner_find(folder, &source, &type) == -ENOENT &&
	    mnt_update_set_fs(update, 0, folder, NULL) == 0)
		mnt_update_table(update, NULL);
	mnt_free_update(update);
}

int inner_unmount(const struct inner_unmount *unmount, char **ret_error)
{
	struct libmnt_context *context = mnt_new_context();
	int r;

	*ret_error = NULL;
	if (!context)
		return -ENOMEM;
	mnt_context_enable_lazy(context, unmount->lazy);
	mnt_context_enable_force(context, unmount->force);
	mnt_context_enable_rdonly_umount(context, unmount->read_only);
	r = mnt_context_disable_helpers(context, 1);
	if (r == 0)
		r = mnt_context_set_target(context, unmount->folder);
	if (r == 0)
		r = outcome(context, mnt_context_umount(context), ret_error);
	mnt_free_context(context);
	if (r == 0)
		forget_records(unmount->folder);
	return as_errno(r);
}

/* The text, to be freed; empty for what the kernel does not tell. */
static char *copy_text(const char *text)
{
	return strdup(text ? text : "");
}

/* `fs` belongs to the table, and is NULL if nothing was found. */
static int take(struct libmnt_fs *fs, const char *text, char **ret_text, char **ret_type)
{
	_cleanup_free_ char *copy = NULL;

	if (!fs)
		return -ENOENT;
	copy = copy_text(text);
	*ret_type = copy_text(mnt_fs_get_fstype(fs));
	if (!copy || !*ret_type)
		return -ENOMEM;
	*ret_text = copy;
	copy = NULL;
	return 0;
}

static int table_read(struct libmnt_table **ret_table)
{
	*ret_table = mnt_new_table();
	return *ret_table ? as_errno(mnt_table_parse_mtab(*ret_table, NULL)) : -ENOMEM;
}

int inner_find(const char *folder, char **ret_source, char **ret_type)
{
	struct libmnt_table *table;
	struct libmnt_fs *fs;
	int r = table_read(&table);

	if (r == 0) {
		fs = mnt_table_find_target(table, folder, MNT_ITER_BACKWARD);
		r = take(fs, mnt_fs_get_source(fs), ret_source, ret_type);
	}
	mnt_unref_table(table);
	return r;
}

/* Only FUSE tells who has mounted it; all else is root's. */
static uid_t user_of(struct libmnt_fs *fs)
{
	char *value = NULL;

	return mnt_fs_get_option(fs, "user_id", &value, NULL) == 0 && value
		       ? (uid_t)strtoul(value, NULL, 10)
		       : 0;
}

/* The topmost; NULL if there is none. */
static struct libmnt_fs *mount_of(struct libmnt_table *table, const char *source, uid_t user)
{
	struct libmnt_iter *mounts = mnt_new_iter(MNT_ITER_BACKWARD);
	struct libmnt_fs *fs, *found = NULL;

	while (mounts && !found && mnt_table_next_fs(table, mounts, &fs) == 0)
		if (mnt_fs_streq_srcpath(fs, source) && (!user_of(fs) || user_of(fs) == user))
			found = fs;
	mnt_free_iter(mounts);
	return found;
}

int inner_find_device(const char *device, uid_t user, char **ret_folder, char **ret_type)
{
	struct libmnt_table *table;
	struct libmnt_fs *fs;
	int r = table_read(&table);

	if (r == 0) {
		fs = mount_of(table, device, user);
		r = take(fs, mnt_fs_get_target(fs), ret_folder, ret_type);
	}
	mnt_unref_table(table);
	return r;
}

char *inner_type(const char *device)
{
	return mnt_get_fstype(device, NULL, NULL);
}

char *inner_misfit(const char *device)
{
	blkid_probe prober = blkid_new_probe_from_filename(device);
	unsigned sector = prober ? blkid_probe_get_sectorsize(prober) : 0;
	const char *text = NULL;
	char *reason = NULL;

	if (prober && blkid_do_safeprobe(prober) == 0 &&
	    blkid_probe_lookup_value(prober, "BLOCK_SIZE", &text, NULL) == 0 &&
	    strtoul(text, NULL, 10) < sector &&
	    asprintf(&reason,
		     "its filesystem has blocks of %s bytes, its encryption sectors of %u: make it "
		     "with mkfs.ext4 -b %u, or the image with create --sector-size 512",
		     text, sector, sector) < 0)
		reason = NULL;
	blkid_free_probe(prober);
	return reason;
}
