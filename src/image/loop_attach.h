/* SPDX-License-Identifier: MIT */
/* Sets up loop devices on volumes, and takes them down: always with direct I/O, or not at all. */
#ifndef IMAGE_LOOP_ATTACH_H
#define IMAGE_LOOP_ATTACH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOOP_PATH_BYTES 32

struct loop_request {
	int file_fd;           /* open for writing, unless read_only */
	uint32_t sector_bytes; /* of the device: 512 to 4096 */
	bool read_only;
	bool autoclear; /* goes away when nobody has it open any more */
	bool partscan;  /* partitions get devices of their own */
};

/* An open loop device. */
struct loop_device {
	int fd;
	char path[LOOP_PATH_BYTES]; /* "/dev/loop0" */
};

/*
 * Takes a free device. The caller closes its descriptor, which ends it if it is autoclear. 0, or
 * negative errno and *ret_reason, a static sentence or NULL, with nothing left attached:
 * -EOPNOTSUPP if the kernel does not do direct I/O on the file, or does not see all of it.
 */
int loop_attach(const struct loop_request *request, struct loop_device *ret_device,
		const char **ret_reason);

/* Opens one that may be attached. 0, -ENOTBLK if it is no loop device, or as open(2). */
int loop_open(const char *path, struct loop_device *ret_device);

/*
 * Takes it down, and closes it. 0; -EBUSY, and it stays, if it is mounted, or if another program
 * does not close it within two seconds; or that of fsync(2): it is down then, but something was
 * lost.
 */
int loop_detach(struct loop_device *device);

/* Which file it lies on. 0, or negative errno: -ENXIO if nothing is attached. */
int loop_file(const struct loop_device *device, dev_t *ret_device, ino_t *ret_inode);
/* The same for somebody who does not have it open. */
int loop_file_at(const char *path, dev_t *ret_device, ino_t *ret_inode);

/* Whether something is mounted from it, or has it to itself in another way. */
bool loop_claimed(const char *path);

/*
 * Calls `each` for every device on a file that is called one of `names` (NULL ends them) and lies
 * on the filesystem `device`, until it returns nonzero, which is returned. Negative errno also if
 * one of them cannot be opened.
 */
int loop_each_on(dev_t device, const char *const *names,
		 int (*each)(struct loop_device *device, void *data), void *data);

/* Lets it be as large as its file is by now. 0 or negative errno. */
int loop_resize(const struct loop_device *device);

#endif
