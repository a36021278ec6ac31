/* SPDX-License-Identifier: MIT */
/* FUSE filesystem drivers: programs of others that mount what is in a file. */
#ifndef MOUNT_DRIVER_H
#define MOUNT_DRIVER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct driver {
	const char *const *types; /* as libblkid calls them, to a NULL */
	const char *program;
	const char *package; /* of Debian */
	const char *options; /* unless all users may enter the mount; NULL: none */
	bool read_only;      /* cannot write */
	/* What its lines have in them that say, when it ends, that something could not be written:
	 * its exit code does not. */
	const char *const *complaints;
};

/* NULL if none is known for the type. */
const struct driver *driver_find(const char *type);

/* Where it is installed, to be freed. 0, -ENOENT or -ENOMEM. */
int driver_program(const struct driver *driver, char **ret_path);

struct driver_start {
	const struct driver *driver;
	const char *program; /* of driver_program() */
	const char *options; /* of the user, for libfuse; NULL: none */
	const char *volume, *folder;
	bool read_only;
	const sigset_t *signals; /* its signal mask */
	int output_fd;           /* what it prints */
};

/* In the foreground, as a child that gets SIGTERM when we end. 0 or negative errno. */
int driver_start(const struct driver_start *start, pid_t *ret_child);

/* Whether a line that it prints when it ends says that something could not be written. */
bool driver_complains(const struct driver *driver, const char *line);

/*
 * Whether an ext filesystem on this descriptor was not unmounted in order, and should be checked
 * first. False for others.
 */
bool driver_unclean(const struct driver *driver, int volume_fd);

#endif
