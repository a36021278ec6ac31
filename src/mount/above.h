/* SPDX-License-Identifier: MIT */
/*
 * What lies above a volume that users do not see themselves: of attach and mount(8) a loop device
 * and the filesystem on it, of a chain (chain.h) the filesystem of its driver.
 */
#ifndef MOUNT_ABOVE_H
#define MOUNT_ABOVE_H

#include <sys/types.h>

struct above {
	char *device; /* "/dev/loop0"; NULL: none that can be found */
	char *folder; /* where the filesystem is mounted; NULL likewise */
	char *type;   /* of the filesystem, as mountinfo(5) has it */
};

/*
 * Of the volume `name` of the mount with this device number, which its daemon, run by `user`, says
 * is at `mountpoint`. All NULL for a mount that is at a folder of the user's. Loop devices are
 * looked for only if he is the caller: another's daemon may let them wait for ever. above_destroy()
 * in any case.
 */
void above_find(dev_t device, uid_t user, const char *mountpoint, const char *name,
		struct above *ret_above);
void above_destroy(struct above *above);

#endif
