/* SPDX-License-Identifier: MIT */
/* A place for a mount that is not for people to look at: a folder of our own beside the sockets. */
#ifndef MOUNT_PLACE_H
#define MOUNT_PLACE_H

#include "mount/control_socket.h"

enum {
	PLACE_BYTES = CONTROL_FOLDER_BYTES + 16
};

/* A new folder, 0700. 0 or negative errno. */
int place_make(char path[PLACE_BYTES]);

#endif
