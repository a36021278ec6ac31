// SPDX-License-Identifier: MIT
#include "mount/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "data/lane.h"
#include "mount/listing.h"
#include "mount/naming.h"
#include "mount/node.h"
#include "util/macros.h"

/* Names and sizes change beside the mount: the kernel asks each time. */
#define VALID_SECONDS 0.0

static struct names *names_of(fuse_req_t request)
{
	return fuse_req_userdata(request);
}

static bool is_folder(const struct names *names, fuse_ino_t inode)
{
	return inode == FUSE_ROOT_ID && !names->root_is_image;
}

/* The node of an inode number that we gave to the kernel; the root is looked up if it is an image.
 */
static int node_of(struct names *names, fuse_ino_t inode, struct node **ret_node)
{
	struct stat attributes;

	if (inode != FUSE_ROOT_ID) {
		*ret_node = (struct node *)(uintptr_t)inode;
		return 0;
	}
	if (!names->root_is_image)
		return -EISDIR;
	/* A lookup that nobody forgets: the root stays. */
	return node_find(names, names->only, 1, ret_node, &attributes);
}

static int attributes_get(struct names *names, fuse_ino_t inode, struct stat *ret_attributes)
{
	struct node *node;
	int r;

	if (is_folder(names, inode))
		return fstat(names->folder_fd, ret_attributes) < 0 ? -errno : 0;
	r = node_of(names, inode, &node);
	return r < 0 ? r : node_attributes(names, node, ret_attributes);
}

/* Operations, in the order of fuse_lowlevel.h ------------------------------ */

static void names_init(void *data, struct fuse_conn_info *connection)
{
	const struct names *names = data;

	/* O_TRUNC must reach setattr, which ignores it: else the kernel takes the size for 0. */
	connection->want &= ~(unsigned)FUSE_CAP_ATOMIC_O_TRUNC;
	connection->want |= connection->capable & FUSE_CAP_ASYNC_DIO;
	/* What is cached is what was written through here; that the image's times change says
	 * nothing. */
	if (names->options->cached)
		connection->want &= ~(unsigned)FUSE_CAP_AUTO_INVAL_DATA;
	connection->max_write = (unsigned)names->lanes->payload_bytes;
	/* A loop device has 128 requests in flight; 12, the default, would strangle it. */
	connection->max_background = 256;
	connection->congestion_threshold = 192;
}

static void names_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	struct names *names = names_of(request);
	struct fuse_entry_param entry = {.attr_timeout = VALID_SECONDS,
					 .entry_timeout = VALID_SECONDS};
	struct naming room;
	struct node *node;
	int r = -ENOTDIR;

	if (is_folder(names, parent))
		r = node_find(names, naming_image(names, name, &room), 1, &node, &entry.attr);
	if (r < 0) {
		fuse_reply_err(request, -r);
		return;
	}
	entry.ino = (uintptr_t)node;
	if (fuse_reply_entry(request, &entry) < 0)
		node_forget(names, node, 1);
}

static void forget(struct names *names, fuse_ino_t inode, uint64_t lookups)
{
	if (inode != FUSE_ROOT_ID)
		node_forget(names, (struct node *)(uintptr_t)inode, lookups);
}

static void names_forget(fuse_req_t request, fuse_ino_t inode, uint64_t lookups)
{
	forget(names_of(request), inode, lookups);
	fuse_reply_none(request);
}

static void names_forget_multi(fuse_req_t request, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(names_of(request), forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(request);
}

static void names_getattr(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	struct stat attributes;
	int r = attributes_get(names_of(request), inode, &attributes);

	if (r < 0)
		fuse_reply_err(request, -r);
	else
		fuse_reply_attr(request, &attributes, VALID_SECONDS);
}

/*
 * As on a block device: its size stays, whoever asks for another is told so. O_TRUNC is ignored; it
 * arrives as size 0 without a file, and so does truncate(2) to 0. Times are the image's business.
 */
static int attributes_allowed(const struct stat *now, const struct stat *wanted, int set, bool file)
{
	bool ignored = !file && wanted->st_size == 0;

	if (set & FUSE_SET_ATTR_SIZE && wanted->st_size != now->st_size && !ignored)
		return -EINVAL;
	if ((set & FUSE_SET_ATTR_MODE && (wanted->st_mode ^ now->st_mode) & 07777) ||
	    (set & FUSE_SET_ATTR_UID && wanted->st_uid != now->st_uid) ||
	    (set & FUSE_SET_ATTR_GID && wanted->st_gid != now->st_gid))
		return -EPERM;
	return 0;
}

static void names_setattr(fuse_req_t request, fuse_ino_t inode, struct stat *wanted, int set,
			  struct fuse_file_info *file)
{
	struct stat now;
	int r = attributes_get(names_of(request), inode, &now);

	if (r == 0)
		r = attributes_allowed(&now, wanted, set, file != NULL);
	if (r < 0)
		fuse_reply_err(request, -r);
	else
		fuse_reply_attr(request, &now, VALID_SECONDS);
}

/* Names are the folder's; through the mount nobody makes, moves or removes one. */
static void refuse(fuse_req_t request)
{
	fuse_reply_err(request, EPERM);
}

static void names_mknod(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
			dev_t device)
{
	refuse(request);
}

static void names_mkdir(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode)
{
	refuse(request);
}

static void names_unlink(fuse_req_t request, fuse_ino_t parent, const char *name)
{
	refuse(request);
}

static void names_symlink(fuse_req_t request, const char *target, fuse_ino_t parent,
			  const char *name)
{
	refuse(request);
}

static void names_rename(fuse_req_t request, fuse_ino_t parent, const char *name,
			 fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	refuse(request);
}

static void names_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char *name)
{
	refuse(request);
}

static void names_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
			 struct fuse_file_info *file)
{
	refuse(request);
}

static void names_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	struct names *names = names_of(request);
	struct node *node = NULL;
	int r = node_of(names, inode, &node);

	if (r == 0)
		r = node_open(names, node, file->flags);
	if (r < 0) {
		fuse_reply_err(request, -r);
		return;
	}
	file->fh = (uintptr_t)&node->volume;
	file->direct_io = !names->options->cached;
	if (fuse_reply_open(request, file) < 0)
		node_close(names, node);
}

static void names_release(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	struct volume *volume = (struct volume *)(uintptr_t)file->fh;

	node_close(names_of(request), CONTAINER_OF(volume, struct node, volume));
	fuse_reply_err(request, 0);
}

static void names_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	struct names *names = names_of(request);
	struct listing *listing;
	int r = listing_new(names, &listing);

	if (r < 0) {
		fuse_reply_err(request, -r);
		return;
	}
	file->fh = (uintptr_t)listing;
	if (fuse_reply_open(request, file) < 0)
		listing_free(listing);
}

static void names_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset,
			  struct fuse_file_info *file)
{
	static const char *const dots[] = {".", ".."};
	const struct names *names = names_of(request);
	const struct listing *listing = (struct listing *)(uintptr_t)file->fh;
	_cleanup_free_ char *bytes = malloc(size);
	size_t used = 0;

	if (!bytes) {
		fuse_reply_err(request, ENOMEM);
		return;
	}
	for (size_t i = (size_t)offset; i < listing->count + 2; i++) {
		if (i >= 2 && naming_shadowed(names, &listing->entries[i - 2].part))
			continue;
		struct naming room;
		const char *name = i < 2 ? dots[i]
					 : naming_volume(names, &listing->entries[i - 2].part,
							 &room);
		/* Inode numbers come with the lookup; here they only must not be 0. */
		struct stat status = {.st_mode = i < 2 ? S_IFDIR : S_IFREG, .st_ino = 1};
		size_t bytes_needed = fuse_add_direntry(request, bytes + used, size - used, name,
							&status, (off_t)i + 1);

		if (bytes_needed > size - used)
			break;
		used += bytes_needed;
	}
	fuse_reply_buf(request, bytes, used);
}

static void names_releasedir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *file)
{
	listing_free((struct listing *)(uintptr_t)file->fh);
	fuse_reply_err(request, 0);
}

static void names_statfs(fuse_req_t request, fuse_ino_t inode)
{
	struct statvfs status;

	if (fstatvfs(names_of(request)->folder_fd, &status) < 0)
		fuse_reply_err(request, errno);
	else
		fuse_reply_statfs(request, &status);
}

/* Start and end ------------------------------------------------------------ */

static int split_source(struct names *names, const char *path, char **ret_folder)
{
	_cleanup_free_ char *for_folder = strdup(path), *for_name = strdup(path);

	if (!for_folder || !for_name)
		return -ENOMEM;
	names->only = strdup(basename(for_name));
	*ret_folder = strdup(dirname(for_folder));
	return names->only && *ret_folder ? 0 : -ENOMEM;
}

static int find_source(struct names *names, const char *source, const char **ret_reason)
{
	_cleanup_free_ char *path = realpath(source, NULL), *folder = NULL;
	struct stat status;
	int r = 0;

	if (!path || stat(path, &status) < 0)
		return -errno;
	if (S_ISREG(status.st_mode)) {
		r = split_source(names, path, &folder);
	} else if (!S_ISDIR(status.st_mode)) {
		*ret_reason = "neither a folder nor an image";
		r = -EINVAL;
	}
	if (r < 0)
		return r;
	names->folder_fd = open(folder ? folder : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return names->folder_fd < 0 ? -errno : 0;
}

/* A file as the mount point shows one image; that image itself would be out of reach below it. */
static int check_mountpoint(struct names *names, const char *source, const char *mountpoint,
			    const char **ret_reason)
{
	struct stat point, image;

	if (stat(mountpoint, &point) < 0 || stat(source, &image) < 0)
		return -errno;
	if (!S_ISREG(point.st_mode))
		return 0;
	if (!names->only) {
		*ret_reason = "a folder of images needs a folder to be mounted at";
		return -ENOTDIR;
	}
	names->root_is_image = true;
	if (point.st_dev == image.st_dev && point.st_ino == image.st_ino) {
		*ret_reason = "the mount point is the image itself; take another file or a folder";
		return -EBUSY;
	}
	return 0;
}

/* One file shows one volume. */
static int check_partitions(const struct names *names, const char **ret_reason)
{
	const struct part whole = {.name = names->only ? names->only : ""};

	if (!names->root_is_image || !part_options(names, &whole)->partitions)
		return 0;
	*ret_reason = "option partitions: needs a folder to be mounted at, not a file";
	return -ENOTDIR;
}

/* An image that the table gives a path must be one of the folder; one that is missing may come. */
static int check_table(const struct names *names, const struct table *table,
		       const char **ret_reason)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct table_entry *entry = &table->entries[i];
		struct stat path, image;

		if (!strchr(entry->image, '/') || stat(entry->image, &path) < 0)
			continue;
		if (fstatat(names->folder_fd, table_image_name(entry), &image,
			    AT_SYMLINK_NOFOLLOW) < 0 ||
		    path.st_dev != image.st_dev || path.st_ino != image.st_ino) {
			*ret_reason = "an image in the table lies in another folder";
			return -EXDEV;
		}
	}
	return 0;
}

int namespace_open(struct names *names, const char *source, const char *mountpoint,
		   const struct mount_options *options, const struct table *table,
		   const char **ret_reason)
{
	int r;

	*names = (struct names){.folder_fd = -1, .options = options};
	pthread_mutex_init(&names->mutex, NULL);
	r = find_source(names, source, ret_reason);
	if (r == 0)
		r = check_mountpoint(names, source, mountpoint, ret_reason);
	if (r == 0)
		r = check_table(names, table, ret_reason);
	if (r == 0) {
		names->table = *table;
		r = check_partitions(names, ret_reason);
	}
	if (r < 0) {
		names->table = (struct table){0};
		namespace_free(names);
	}
	return r;
}

/* Called when nobody opens or closes any more, but status may be asked for. */
int namespace_close(struct names *names)
{
	struct node *node;

	while ((node = node_find_open(names)))
		while (node->opens > 0)
			node_close(names, node);
	return names->result;
}

void namespace_free(struct names *names)
{
	tdestroy(names->nodes, node_free);
	names->nodes = NULL;
	part_forget_said(names);
	if (names->folder_fd >= 0)
		close(names->folder_fd);
	free(names->only);
	table_destroy(&names->table);
	pthread_mutex_destroy(&names->mutex);
}

const struct fuse_lowlevel_ops namespace_ops = {
	.init = names_init,
	.lookup = names_lookup,
	.forget = names_forget,
	.forget_multi = names_forget_multi,
	.getattr = names_getattr,
	.setattr = names_setattr,
	.mknod = names_mknod,
	.mkdir = names_mkdir,
	.unlink = names_unlink,
	.rmdir = names_unlink,
	.symlink = names_symlink,
	.rename = names_rename,
	.link = names_link,
	.create = names_create,
	.open = names_open,
	.release = names_release,
	.opendir = names_opendir,
	.readdir = names_readdir,
	.releasedir = names_releasedir,
	.statfs = names_statfs,
};
