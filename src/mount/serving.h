/* SPDX-License-Identifier: MIT */
/*
 * An image served for a loop device, by a daemon whose mount nobody sees: it is detached from the
 * folder it was mounted at as soon as the volume is open. So nobody can unmount it, no other mount
 * namespace keeps it, and it needs no taking down: when the last descriptor of the volume is
 * closed, that of the loop device, the kernel ends the mount, and the daemon flushes and ends.
 */
#ifndef MOUNT_SERVING_H
#define MOUNT_SERVING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct serving {
	dev_t device;          /* of the mount: no other has it */
	int volume_fd;         /* the open volume, or -1 */
	int end_fd;            /* for control_wait_end() */
	uint32_t sector_bytes; /* what a device above it should have */
};

/*
 * Starts the daemon, with these options of `platterfs mount -o`, which asks for a passphrase at the
 * terminal if it must, and opens the volume. 0; -ECANCELED if the daemon has already said on
 * standard error what is wrong; or negative errno and *ret_error the reason, to be freed (NULL:
 * errno says it). On failure nothing is left.
 */
int serving_start(const char *image, const char *options, bool read_only,
		  struct serving *ret_serving, char **ret_error);

/*
 * Closes the volume, and waits for the daemon to end, which it does when nobody else has it open.
 * 0, -EIO if its last flush failed, -ECONNRESET if it died.
 */
int serving_end(struct serving *serving);

/* The same, for what somebody else started: by the number of the mount. 0 or negative errno. */
int serving_find(dev_t device, struct serving *ret_serving);

/*
 * The path of the image. 0, or negative errno if it is no such mount, or its
 * daemon does not answer. To be freed.
 */
int serving_image(dev_t device, char **ret_image);

#endif
