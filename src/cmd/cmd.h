/* SPDX-License-Identifier: MIT */
/* The commands: one file each, ending in its `struct command`; src/main.c has the table. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

/* Exit codes of every command. */
enum {
	CMD_DONE = 0,
	CMD_FAILED = 1,
	CMD_USAGE = 2,
};

struct command {
	const char *name;
	const char *arguments; /* "[--json] IMAGE", for usage lines */
	const char *summary;   /* one line for --help; NULL: not for users */
	const char *help;      /* the options, a line each; NULL if there are none */
	int (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command cmd_attach;
extern const struct command cmd_auto_unmount;
extern const struct command cmd_create;
extern const struct command cmd_detach;
extern const struct command cmd_doctor;
extern const struct command cmd_fsck_helper;
extern const struct command cmd_info;
extern const struct command cmd_lock;
extern const struct command cmd_mount;
extern const struct command cmd_mount_helper;
extern const struct command cmd_prepare;
extern const struct command cmd_resize;
extern const struct command cmd_status;
extern const struct command cmd_top;
extern const struct command cmd_umount;
extern const struct command cmd_umount_helper;
extern const struct command cmd_unlock;
extern const struct command cmd_unlock_child;

/*
 * "platterfs: SUBJECT: what is wrong" on standard error. `error` is a negative errno, said in words
 * if `reason` is NULL. Returns CMD_FAILED.
 */
int cmd_failed(const char *subject, int error, const char *reason);

/* "platterfs: COMMAND: what is wrong; usage: ..." on standard error. Returns CMD_USAGE. */
int cmd_usage(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same when getopt_long(3) has returned '?'; it prints nothing itself (opterr is 0). */
int cmd_bad_option(const struct command *command, char **argv);

/* The whole help on standard output. Returns CMD_DONE. */
int cmd_help(const struct command *command);

#endif
