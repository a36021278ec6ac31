// SPDX-License-Identifier: MIT
#include "cmd/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "crypt/secret.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

/* The control thread reads these from a descriptor; nobody else may be interrupted by them. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void serve_leave_terminal(void)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	log_to(LOG_TARGET_SYSLOG);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (chdir("/") < 0)
		log_warning("/: %s", strerror(errno));
}

/* Whoever waits for the mount may go. */
static void tell_ready(const struct serve *serve)
{
	char ready = 0;

	/*
	 * At shutdown systemd kills all processes of root without a "@" there, and only then
	 * unmounts what is left, which may lie on us (ROOT_STORAGE_DAEMONS).
	 */
	if (geteuid() == 0)
		program_invocation_name[0] = '@';
	if (!serve->stay)
		serve_leave_terminal();
	if (!serve->with_parent)
		prctl(PR_SET_PDEATHSIG, 0);
	if (write(serve->ready_fd, &ready, 1) != 1)
		log_warning("%s: whoever started the mount is gone", serve->mountpoint);
	close(serve->ready_fd);
}

int serve_run(const struct serve *serve)
{
	_cleanup_free_ char *error = NULL;
	struct session session;
	int r;

	/* Started as /proc/self/exe, we would be called "exe". */
	prctl(PR_SET_NAME, "platterfs");
	/* Here, because locked memory is not inherited by fork(2). */
	r = secret_init(NULL);
	if (r < 0)
		return cmd_failed(serve->source, r, "no memory for keys could be made");
	r = session_open(&session, serve->source, serve->mountpoint, serve->options, &error);
	if (r < 0)
		return cmd_failed(serve->source, r, error);
	/* Only now: who is asked for a passphrase may press Ctrl-C, and needs the terminal. */
	if (serve->ready_fd >= 0)
		setsid();
	block_signals();
	log_keep_init();
	r = session_start(&session, &error);
	if (r < 0)
		return cmd_failed(serve->source, r, error);
	if (serve->ready_fd >= 0)
		tell_ready(serve);
	return session_wait(&session) < 0 ? CMD_FAILED : CMD_DONE;
}

/* The daemon's exit code if it ended before it served; it has said why on our standard error. */
static int wait_ready(int ready_fd, pid_t daemon)
{
	char ready;
	int status;
	ssize_t length;

	do {
		length = read(ready_fd, &ready, 1);
	} while (length < 0 && errno == EINTR);
	if (length == 1)
		return CMD_DONE;
	while (waitpid(daemon, &status, 0) < 0)
		if (errno != EINTR)
			return CMD_FAILED;
	if (WIFSIGNALED(status))
		fprintf(stderr, "platterfs: the daemon was ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : CMD_FAILED;
}

int serve_in_background(const char *source, int (*run)(void *data, int ready_fd), void *data)
{
	pid_t daemon, parent = getpid();
	int ready[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return cmd_failed(source, -errno, NULL);
	daemon = fork();
	if (daemon < 0)
		return cmd_failed(source, -errno, NULL);
	if (daemon > 0) {
		close(ready[1]);
		return wait_ready(ready[0], daemon);
	}
	close(ready[0]);
	/* Whoever gives up waiting gives up the mount. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return CMD_FAILED;
	return run(data, ready[1]);
}
