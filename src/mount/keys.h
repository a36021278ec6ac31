/* SPDX-License-Identifier: MIT */
/*
 * Gives volumes their keys, and takes them away again: all those that say where their key is when
 * the mount starts, and each by name at run time.
 */
#ifndef MOUNT_KEYS_H
#define MOUNT_KEYS_H

#include <stdbool.h>

#include "crypt/unlock.h"

struct names;

/*
 * Unlocks the volume called `name` at the mount: with the given passphrase; or, if that is NULL,
 * with what its options name or a token in its header, and else by asking at the terminal, if it
 * may `ask`. Done if it was unlocked already. 0, or negative errno and the reason for the user:
 *   -ENOENT   no such volume
 *   -EALREADY it is not encrypted
 *   -ENOKEY   somebody would have to be asked
 *   -EBUSY    somebody is unlocking it already
 *   unlock()'s and key_source_read()'s
 *   -EBADMSG  it does not hold what expect= says
 */
struct keys_given {
	const struct passphrase *passphrase;
	bool keyfile; /* it is the content of a keyfile: a plain volume's key, not to be hashed */
	bool ask;
};

int keys_unlock(struct names *names, const char *name, const struct keys_given *given,
		char ret_reason[UNLOCK_REASON_BYTES]);
/* The same by the name of the image, or partition. */
int keys_unlock_image(struct names *names, const char *image, const struct keys_given *given,
		      char ret_reason[UNLOCK_REASON_BYTES]);

/*
 * Forgets the key, whatever the name means by now. 0, or negative errno: -ENOENT, -EALREADY if it
 * is not encrypted, -EBUSY while the volume is open or being unlocked. Done if it was locked
 * already.
 */
int keys_lock(struct names *names, const char *name);

/*
 * At the start, while there is still a terminal. One image that is the source must open, or it is
 * the error; of a folder, those that do not open stay locked and are warned of. 0, or negative
 * errno and the reason.
 */
int keys_unlock_all(struct names *names, char ret_reason[UNLOCK_REASON_BYTES]);

#endif
