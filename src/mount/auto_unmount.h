/* SPDX-License-Identifier: MIT */
/*
 * auto_unmount: a process that does nothing but wait for the daemon to end, however it ends, and
 * then takes the dead mount away. libfuse's own (in fusermount3) looks whether the mount is dead
 * before the kernel has closed the daemon's rings and clones of /dev/fuse, finds it alive, and
 * gives up.
 */
#ifndef MOUNT_AUTO_UNMOUNT_H
#define MOUNT_AUTO_UNMOUNT_H

#include <sys/types.h>

/*
 * In the daemon, while it has only one thread: starts that process, `platterfs auto-unmount MINOR`,
 * for the mount with this device number. 0 or negative errno.
 */
int auto_unmount_start(dev_t device);

/* In the daemon, when it ends as it should: that process then has nothing to do. */
void auto_unmount_stop(void);

/* In that process: waits for the end of standard input, which is that of the daemon. 0 or negative
 * errno. */
int auto_unmount_wait(dev_t device);

#endif
