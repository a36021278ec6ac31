/* SPDX-License-Identifier: MIT */
/* Which of our daemons has an image open, and as what. */
#ifndef MOUNT_HOLDER_H
#define MOUNT_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "image/loop_attach.h"

struct holder {
	dev_t device; /* of its mount */
	uid_t user;   /* who runs it */
	int pid;
	bool hidden; /* its mount is at no folder: serving.h */
	char *mountpoint;
	char *volume; /* the name there */
};

/* Of an existing image. 0, -ENOENT if none has it open, or negative errno. */
int holder_find(const char *image, struct holder *ret_holder);

/* loop_each_on() for the volume. */
int holder_each_loop(const struct holder *holder,
		     int (*each)(struct loop_device *device, void *data), void *data);

void holder_destroy(struct holder *holder);

#endif
