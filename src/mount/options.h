/* SPDX-License-Identifier: MIT */
/* The -o options of mount and attach: names are crypttab(5)'s, cryptsetup(8)'s or mount(8)'s. */
#ifndef MOUNT_OPTIONS_H
#define MOUNT_OPTIONS_H

#include <stdbool.h>

#include "mount/image_options.h"

struct engine;
struct transport;

struct mount_options {
	struct image_options image;        /* of every image, unless the table says otherwise */
	char *table;                       /* path of a table (table.h), or NULL */
	const struct engine *engine;       /* NULL: the best that is allowed here */
	const struct transport *transport; /* NULL likewise */
	unsigned lanes, depth;             /* 0: by the machine */
	bool auto_unmount;                 /* take the mount away when the daemon dies */
	bool cached;                       /* the kernel may keep what was read of a volume */
	char *fuse;                        /* what libfuse and the kernel get, comma-separated */
};

void options_init(struct mount_options *options);
void options_destroy(struct mount_options *options);

/* Adds the options of a comma-separated list. 0, or -EINVAL and *ret_error the line for the user,
 * to be freed by the caller. */
int options_parse(struct mount_options *options, const char *list, char **ret_error);

/* Whether an option, "name" or "name=value", is one of ours: not libfuse's, the kernel's, mount's.
 */
bool options_known(const char *option);

/* Whether all that was added fits together. Likewise. */
int options_check(const struct mount_options *options, char **ret_error);

#endif
