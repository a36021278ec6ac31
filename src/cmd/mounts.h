/* SPDX-License-Identifier: MIT */
/*
 * The status of mounts, as their daemons tell it, with what lies above (mount/above.h): what
 * `status` and `top` show.
 */
#ifndef CMD_MOUNTS_H
#define CMD_MOUNTS_H

#include <stdint.h>

struct json_object;

struct mounts {
	struct json_object *list;   /* an array of objects as in `status --json` */
	struct json_object *silent; /* an array of texts: mounts whose daemons do not answer */
};

/*
 * Of the mount at `path`, found without asking any other daemon; of the one whose loop device or
 * filesystem that is; of all that the user may see if it is NULL. 0, or negative errno, and
 * *ret_reason is static or NULL. A single mount whose daemon does not answer is -ETIMEDOUT. The
 * caller ends it with mounts_destroy().
 */
int mounts_read(const char *path, struct mounts *ret_mounts, const char **ret_reason);
void mounts_destroy(struct mounts *mounts);

/* A field of an object; "" and 0 if it is missing or null. */
const char *mounts_text(struct json_object *object, const char *name);
uint64_t mounts_number(struct json_object *object, const char *name);

/* Where a mount is to be seen: as the filesystem in its volume, as a device, or at its folder;
 * "attached" if it serves those who still use it only. */
const char *mounts_place(struct json_object *mount);

#endif
