/* SPDX-License-Identifier: MIT */
/*
 * A chain: the filesystem in an image, mounted without root, by a FUSE driver that works on the
 * volume as on any file.
 *
 *     DIR                          the driver's mount     fuse2fs -f, our child
 *      on  .../place.XXXXXX/NAME   the volume's mount     platterfs, our child
 *      on  IMAGE
 *
 * The keeper, which is a process of its own with but one thread, starts both and waits for both. So
 * it is told by the kernel, at once and with the exit code, whatever ends first:
 *   the driver, because DIR was unmounted, or because it failed: then the volume is unmounted, and
 *     the daemon flushes and ends;
 *   the daemon, which only happens if it dies: then DIR disappears, and the driver is ended;
 *   the keeper: both get SIGTERM (PR_SET_PDEATHSIG); the driver writes what it has and ends, and
 * the daemon serves until then. The mount of the volume stays at a folder, since fusermount3 lets
 * no user detach a mount that goes on; the folder is private, and goes with it.
 *
 * It listens at NUMBER.chain, beside the sockets of control.h, NUMBER being that of the mount at
 * DIR: who asks there to "wait" is told "done\n" or "failed\n" when everything has ended.
 */
#ifndef MOUNT_CHAIN_H
#define MOUNT_CHAIN_H

#include <stdbool.h>

struct chain_request {
	const char *image, *folder; /* absolute */
	const char *type;           /* what must be in it; NULL: whatever has a driver */
	const char *options;        /* of the driver, for libfuse; NULL: none */
	bool read_only;
	/* Becomes the daemon, in a child; as serve_run(). */
	int (*serve)(void *data, const char *place, int ready_fd);
	/* The filesystem is mounted: whoever waits may go. */
	void (*ready)(void *data);
	void *data;
};

/*
 * Whether there can be a chain at this folder, before anybody is asked for a passphrase. 0, or
 * negative errno and *ret_error the reason, to be freed (NULL: errno says it); the reason is about
 * the folder if *ret_folder.
 */
int chain_check(const struct chain_request *request, bool *ret_folder, char **ret_error);

/*
 * Mounts, and stays until all is taken down. 0 if everything is on the device; -ECANCELED if the
 * daemon has said why there is no mount; or negative errno and *ret_error likewise. Nothing is left
 * in any case. The caller has only one thread.
 */
int chain_run(const struct chain_request *request, char **ret_error);

#endif
