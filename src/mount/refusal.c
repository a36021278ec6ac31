// SPDX-License-Identifier: MIT
#include "mount/refusal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/macros.h"

/* Part of what is said, and what would help. The first that fits. */
static const struct {
	const char *said;
	const char *help;
} helps[] = {
	{"user_allow_other", "root adds that line to it"},
	{"no write access to mountpoint", "mount at a folder that is yours"},
	{"not owner of sticky mountpoint", "mount at a folder that is yours"},
	{"too many FUSE filesystems", "mount_max in /etc/fuse.conf"},
	{"mounting over filesystem type", "mount at a folder on a disk"},
	{"failed to exec fusermount3", "install the package fuse3"},
	{"mount failed: Operation not permitted",
	 "fusermount3 must be setuid root (package fuse3), which a container with "
	 "no-new-privileges forbids"},
	{"/dev/fuse: Permission denied", "its mode should be 666, as udev sets it"},
	{"device not found", "in a container: --device /dev/fuse"},
};

void refusal_listen(struct refusal *refusal)
{
	refusal->terminal_fd = -1;
	/* fusermount3 inherits standard error only. */
	refusal->said_fd = memfd_create("platterfs-refusal", MFD_CLOEXEC);
	if (refusal->said_fd >= 0)
		refusal->terminal_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (refusal->terminal_fd >= 0)
		dup2(refusal->said_fd, STDERR_FILENO);
}

static const char *help_for(const char *said)
{
	for (size_t i = 0; i < ARRAY_LENGTH(helps); i++)
		if (strstr(said, helps[i].said))
			return helps[i].help;
	return NULL;
}

static char *explain(const char *said)
{
	const char *help = help_for(said);
	char *line = NULL;

	if (!*said || asprintf(&line, help ? "%s; %s" : "%s", said, help) < 0)
		return NULL;
	return line;
}

char *refusal_end(struct refusal *refusal, bool mounted, const char *libfuse)
{
	char said[512] = "";
	ssize_t length = 0;

	if (refusal->terminal_fd >= 0) {
		length = pread(refusal->said_fd, said, sizeof(said) - 1, 0);
		dup2(refusal->terminal_fd, STDERR_FILENO);
		close(refusal->terminal_fd);
	}
	if (refusal->said_fd >= 0)
		close(refusal->said_fd);
	said[length > 0 ? length : 0] = '\0';
	if (mounted) {
		fputs(said, stderr);
		return NULL;
	}
	said[strcspn(said, "\n")] = '\0';
	return explain(*said ? said : libfuse);
}
