/* SPDX-License-Identifier: MIT */
/* What mount(8), umount(8) and fsck(8) start by the names of links to us; their exit codes. */
#ifndef CMD_HELPER_H
#define CMD_HELPER_H

struct command;

/* Of mount(8) and umount(8). */
enum {
	HELPER_DONE = 0,
	HELPER_USAGE = 1,
	HELPER_FAILED = 32,
};

/* As cmd_failed() and cmd_usage(). */
int helper_failed(const char *subject, int error, const char *reason);
int helper_usage(const struct command *command);

#endif
