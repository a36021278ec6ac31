/* SPDX-License-Identifier: MIT */
/* Kernel loop devices, as /sys/block shows them: they take no locks of ours. */
#ifndef IMAGE_LOOP_H
#define IMAGE_LOOP_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#define LOOP_NAME_BYTES 32

struct loop {
	char name[LOOP_NAME_BYTES]; /* "loop0" */
	char backing[PATH_MAX];     /* its file, as the one who attached it saw it */
	bool direct;                /* it reads and writes its file without the page cache */
};

/* -ENODEV if `name` ("loop0") is no loop device, -ENXIO if nothing is attached. */
int loop_read(const char *name, struct loop *ret_loop);

/* Whether a loop device lies directly on the file {device, inode}. Then *ret_loop says which. */
bool loop_find(dev_t device, ino_t inode, struct loop *ret_loop);

#endif
