/* SPDX-License-Identifier: MIT */
/*
 * The namespace of a mount: each regular file of the source folder is a volume of the same name,
 * and so may be its partitions (part.h).
 * Nothing is remembered of the folder but the files that the kernel holds on to, so that new images
 * appear and removed ones go; a name is looked up anew each time, beneath the folder only.
 *
 * Runs in the session's threads, several at once; status comes from one more.
 */
#ifndef MOUNT_NAMESPACE_H
#define MOUNT_NAMESPACE_H

#include <pthread.h>

#include <fuse_lowlevel.h>

#include "mount/options.h"
#include "mount/table.h"

struct json_object;
struct lanes;
struct sharing;

struct names {
	int folder_fd;      /* O_PATH */
	char *only;         /* one image: its name; NULL: all of the folder */
	bool root_is_image; /* the mount point is a file: the volume itself */
	const struct mount_options *options;
	struct table table; /* empty without table= */
	const struct lanes
		*lanes; /* that serve the volumes; their number is fixed before they do */
	pthread_mutex_t mutex;
	void *nodes;              /* tsearch(3) tree of struct node */
	struct sharing *sharings; /* images of which partitions are open */
	void *said;               /* tsearch(3) tree of lines in the log that come once: part.h */
	unsigned said_count;
	int result; /* 0, or the negative errno of the first close that failed */
};

/*
 * `source` is a folder, or an image. 0 or negative errno and *ret_reason (NULL: errno says it):
 * -ENOENT, -EINVAL if it is neither, -ENOTDIR if the mount point is a file but the source a folder.
 * `table` is taken over, on success.
 */
int namespace_open(struct names *names, const char *source, const char *mountpoint,
		   const struct mount_options *options, const struct table *table,
		   const char **ret_reason);

/*
 * Flushes and closes every volume that is still open. 0, or the negative errno of the first volume
 * that failed, whenever it was closed.
 */
int namespace_close(struct names *names);
void namespace_free(struct names *names);

/* Adds an array "volumes" as `platterfs status --json` shows it. */
void namespace_status(struct names *names, struct json_object *status);

/* userdata is the struct names. */
extern const struct fuse_lowlevel_ops namespace_ops;

#endif
