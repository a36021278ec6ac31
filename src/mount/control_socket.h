/* SPDX-License-Identifier: MIT */
/* The sockets of control.h: where they lie, and who may be behind them. */
#ifndef MOUNT_CONTROL_SOCKET_H
#define MOUNT_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/time.h>
#include <sys/types.h>

enum {
	CONTROL_BACKLOG = 16,
	CONTROL_FOLDER_BYTES = 64,
	CONTROL_WORD_BYTES = 512 /* a word with the name of a volume and its NUL */
};

/* How long either side waits for the other to read or write. */
extern const struct timeval control_patience;

/*
 * The folder for the sockets of a user; choice 0 is the best one. Without a login session there is
 * no /run/user; in a user namespace its user 0 cannot write in /run, and has the folder of whoever
 * he is outside. False: there is no such choice.
 */
bool control_folder(uid_t user, unsigned choice, char path[CONTROL_FOLDER_BYTES]);

/* The first of our own that can be made. 0 or negative errno. */
int control_folder_own(char path[CONTROL_FOLDER_BYTES]);

/* Makes sure that a folder is there, is ours, and nobody else may write in it. 0 or negative errno.
 */
int control_folder_make(const char *path);

/* A listening descriptor, or negative errno. */
int control_socket_listen(const char *path);

/*
 * Connects, makes sure that the listener is `user`, and sends a word with its NUL. A descriptor for
 * the answer, or negative errno: -EPERM if it is somebody else.
 */
int control_socket_ask(const char *path, uid_t user, const char *word);

#endif
