/* SPDX-License-Identifier: MIT */
/* An image as a block device: served by a daemon of its own (serving.h), with a loop device above.
 */
#ifndef MOUNT_ATTACH_H
#define MOUNT_ATTACH_H

#include <stdbool.h>

#include "image/loop_attach.h"
#include "mount/serving.h"

struct attach_request {
	const char *image;
	const char *options; /* of the daemon, as for platterfs mount -o */
	bool read_only;
	bool autoclear; /* goes away when nobody has the device open any more */
	bool partscan;
};

struct attached {
	struct serving serving;
	struct loop_device loop; /* open */
};

/*
 * Root only. 0; -ECANCELED if it has been said on standard error what is wrong; or negative errno
 * and *ret_error the reason, to be freed (NULL: errno says it). On failure nothing is left.
 */
int attach(const struct attach_request *request, struct attached *ret_attached, char **ret_error);

/* Leaves the device to others. */
void attach_leave(struct attached *attached);

/* Takes an autoclear device down, and waits until the daemon has ended. As serving_end(). */
int attach_end(struct attached *attached);

/*
 * Takes down what attach() has made, by the device or by the image. 0, or negative errno and
 * *ret_error likewise: -EBUSY if it is in use, and stays; -EIO if something was lost.
 */
int detach(const char *device_or_image, char **ret_error);

#endif
