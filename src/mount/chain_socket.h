/* SPDX-License-Identifier: MIT */
/* Where commands ask the keeper of a chain to tell them when it has ended. */
#ifndef MOUNT_CHAIN_SOCKET_H
#define MOUNT_CHAIN_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>

enum {
	CHAIN_WAITERS = 16
};

struct chain_socket {
	int fd; /* -1: none */
	char *path;
	int waiters[CHAIN_WAITERS];
	unsigned waiter_count;
};

/* For the mount with this device number. 0 or negative errno. */
int chain_socket_open(struct chain_socket *chain_socket, dev_t device);

/* When `fd` is readable: somebody asks. False if nobody does. */
bool chain_socket_answer(struct chain_socket *chain_socket);

/* Tells those who wait how it ended. */
void chain_socket_close(struct chain_socket *chain_socket, int result);

#endif
