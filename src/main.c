// SPDX-License-Identifier: MIT
/* platterfs: the command table. Without a command's name, it mounts. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "util/macros.h"

static const struct command *const commands[] = {
	&cmd_mount,         &cmd_umount,       &cmd_create,       &cmd_prepare,
	&cmd_info,          &cmd_doctor,       &cmd_resize,       &cmd_attach,
	&cmd_detach,        &cmd_status,       &cmd_top,          &cmd_unlock,
	&cmd_lock,          &cmd_auto_unmount, &cmd_unlock_child, &cmd_mount_helper,
	&cmd_umount_helper, &cmd_fsck_helper,
};

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* mount(8), umount(8) and fsck(8) start us by other names. */
static const struct command *helper_find(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	if (strcmp(name, "umount.fuse.platterfs") == 0)
		return &cmd_umount_helper;
	return strchr(name, '.') ? command_find(name) : NULL;
}

static void help_print(FILE *out)
{
	fprintf(out, "platterfs: disk images as durable block files\n\n");
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		if (commands[i]->summary)
			fprintf(out, "  platterfs %-9s %s\n", commands[i]->name,
				commands[i]->arguments);
	fprintf(out, "\nplatterfs COMMAND --help says more; without a command, it mounts.\n");
}

/*
 * Whoever started us may have closed 0, 1 or 2, which the next open() would take, and may have set
 * SIGCHLD to be ignored, which would hide how our own children ended.
 */
static void inherit_nothing(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	signal(SIGCHLD, SIG_DFL);
}

int main(int argc, char **argv)
{
	const struct command *command;

	inherit_nothing();
	opterr = 0;
	command = argc > 0 ? helper_find(argv[0]) : NULL;
	if (command)
		return command->run(command, argc, argv);
	if (argc < 2) {
		help_print(stderr);
		return CMD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help_print(stdout);
		return CMD_DONE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("platterfs %s\n", PLATTERFS_VERSION);
		return CMD_DONE;
	}
	command = command_find(argv[1]);
	if (!command)
		return cmd_mount.run(&cmd_mount, argc, argv);
	return command->run(command, argc - 1, argv + 1);
}
