/* SPDX-License-Identifier: MIT */
/* For the files of a chain only: what its keeper knows. */
#ifndef MOUNT_CHAIN_KEEPER_H
#define MOUNT_CHAIN_KEEPER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "mount/chain.h"
#include "mount/chain_socket.h"
#include "mount/place.h"

struct driver;

enum {
	VOLUME_BYTES = PLACE_BYTES + 128,
	SAID_BYTES = 2048
};

struct child {
	pid_t pid;  /* 0: not started */
	bool ended; /* `status` is waitpid(2)'s */
	int status;
};

struct chain {
	const struct chain_request *request;
	const struct driver *driver;
	char place[PLACE_BYTES];   /* the private folder, or "" */
	char volume[VOLUME_BYTES]; /* the volume in it */
	struct child serving;      /* the daemon */
	struct child driving;      /* the driver */
	sigset_t signals;          /* that children begin with */
	int signal_fd;
	int ready_fd;   /* the daemon writes there when it serves; or -1 */
	int said_fd;    /* what the driver prints; or -1 */
	char line[512]; /* of it, as far as it has come */
	size_t line_length;
	char said[SAID_BYTES]; /* the lines it began with */
	dev_t device;          /* of the filesystem's mount; 0: not mounted yet */
	bool serves;           /* the volume is mounted */
	bool asked;            /* SIGTERM or the like: take it down */
	bool lost;             /* the driver could not write everything */
	struct chain_socket socket;
};

/* chain_check.c: a driver that is not installed is refused. */
int chain_check_driver(const struct driver *driver, char **ret_error);
int chain_refuse_type(char **ret_error, const char *how, const char *type);

/* chain_wait.c */
bool child_lives(const struct child *child);
bool child_well(const struct child *child); /* it has ended, with exit code 0 */
/* Blocks the signals that the keeper waits for. 0 or negative errno. */
int chain_wait_start(struct chain *chain);
/* Looks, without waiting, which signals have come and which child has ended. */
void chain_wait_look(struct chain *chain);
/*
 * Until something happens, to a child or to the mounts that `mounts_fd` shows (-1: nobody waits for
 * mounts), or the time is over (-1: never).
 */
void chain_wait(struct chain *chain, int mounts_fd, int milliseconds);
/* The driver has ended: the rest of what it has printed. */
void chain_wait_said(struct chain *chain);

/* chain_start.c: 0, or negative errno and *ret_error as chain_run(). */
int chain_start_volume(struct chain *chain);
int chain_start_filesystem(struct chain *chain, char **ret_error);

#endif
