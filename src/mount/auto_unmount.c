// SPDX-License-Identifier: MIT
#include "mount/auto_unmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount/mountpoint.h"
#include "util/macros.h"

/* A program of its own, so that nothing of the daemon lives on in it, least of all its /dev/fuse.
 */
static _Noreturn void become_watcher(dev_t device, int fd)
{
	char number[16];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	snprintf(number, sizeof(number), "%u", minor(device));
	if (dup2(fd, STDIN_FILENO) == STDIN_FILENO && dup2(null, STDOUT_FILENO) >= 0 &&
	    dup2(null, STDERR_FILENO) >= 0) {
		close_range(STDERR_FILENO + 1, ~0u, 0);
		execl("/proc/self/exe", "platterfs", "auto-unmount", number, NULL);
	}
	_exit(1);
}

/* Our end of the pipe: closed when we die, however we die. */
static int watched_fd = -1;

void auto_unmount_stop(void)
{
	if (watched_fd >= 0 && write(watched_fd, "", 1) == 1)
		close(watched_fd);
}

int auto_unmount_start(dev_t device)
{
	int ends[2];
	pid_t watcher;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	watcher = fork();
	if (watcher == 0)
		become_watcher(device, ends[0]);
	close(ends[0]);
	watched_fd = ends[1];
	return watcher < 0 ? -errno : 0;
}

int auto_unmount_wait(dev_t device)
{
	_cleanup_free_ char *path = NULL, *error = NULL;
	ssize_t length;
	char byte;
	int r;

	do {
		length = read(STDIN_FILENO, &byte, 1);
	} while (length < 0 && errno == EINTR);
	/* Unmounted in order; the number may by now be another mount's. */
	if (length == 1)
		return 0;
	r = mountpoint_of(device, &path);
	return r < 0 ? r : mountpoint_unmount(path, true, &error);
}
