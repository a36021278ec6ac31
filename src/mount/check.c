// SPDX-License-Identifier: MIT
#include "mount/check.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/macros.h"

extern char **environ;

/* Where fsck(8) looks too; whoever calls us may have no /sbin in his PATH. */
static int find_program(const char *type, char **ret_path)
{
	static const char *const folders[] = {"/sbin", "/usr/sbin", "/usr/local/sbin"};

	if (strchr(type, '/'))
		return -ENOENT;
	for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
		if (asprintf(ret_path, "%s/fsck.%s", folders[i], type) < 0)
			return -ENOMEM;
		if (access(*ret_path, X_OK) == 0)
			return 0;
		free(*ret_path);
	}
	*ret_path = NULL;
	return -ENOENT;
}

static char **arguments_new(const char *program, char *const options[], const char *device)
{
	char **arguments;
	size_t count = 0;

	while (options[count])
		count++;
	arguments = calloc(count + 3, sizeof(*arguments));
	if (!arguments)
		return NULL;
	arguments[0] = (char *)program;
	memcpy(arguments + 1, options, count * sizeof(*arguments));
	arguments[count + 1] = (char *)device;
	return arguments;
}

int check_run(const char *type, char *const options[], const char *device)
{
	_cleanup_free_ char *program = NULL, **arguments = NULL;
	int r = find_program(type, &program);
	pid_t child;
	int status;

	if (r < 0)
		return r;
	arguments = arguments_new(program, options, device);
	if (!arguments)
		return -ENOMEM;
	r = -posix_spawn(&child, program, NULL, NULL, arguments, environ);
	while (r == 0 && waitpid(child, &status, 0) < 0)
		r = errno == EINTR ? 0 : -errno;
	if (r < 0)
		return r;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CHECK_FAILED;
}
