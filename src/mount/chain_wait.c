// SPDX-License-Identifier: MIT
/* The keeper waits: for its children, signals, mounts, commands, and what the driver prints. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount/chain_keeper.h"
#include "mount/driver.h"
#include "mount/mountpoint.h"
#include "util/log.h"
#include "util/macros.h"

int chain_wait_start(struct chain *chain)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &signals, &chain->signals) < 0)
		return -errno;
	chain->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return chain->signal_fd < 0 ? -errno : 0;
}

static void child_look(struct child *child)
{
	if (child->pid && !child->ended &&
	    waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->ended = true;
}

bool child_lives(const struct child *child)
{
	return child->pid && !child->ended;
}

bool child_well(const struct child *child)
{
	return WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0;
}

void chain_wait_look(struct chain *chain)
{
	struct signalfd_siginfo signal;

	while (read(chain->signal_fd, &signal, sizeof(signal)) == sizeof(signal))
		if (signal.ssi_signo != SIGCHLD)
			chain->asked = true;
	child_look(&chain->serving);
	child_look(&chain->driving);
}

/* What fuse2fs always says of a journal, what it has been told, and what we have said ourselves. */
static bool is_idle_talk(const char *line)
{
	return !*line || strstr(line, "Writing to the journal is not supported") ||
	       strstr(line, "Mounting read-only") || strstr(line, "Mounting unchecked fs");
}

static void said_line(struct chain *chain, const char *line)
{
	size_t used = strlen(chain->said);

	if (is_idle_talk(line))
		return;
	if (used + strlen(line) + 2 <= sizeof(chain->said))
		snprintf(chain->said + used, sizeof(chain->said) - used, "%s\n", line);
	if (!chain->device || !child_lives(&chain->serving))
		return;
	if (driver_complains(chain->driver, line))
		chain->lost |= mountpoint_exists(chain->device) == 0;
	log_warning("%s: %s: %s", chain->request->folder, chain->driver->program, line);
}

/* A driver may print a line in pieces; what is too long for one is cut. */
static void said_bytes(struct chain *chain, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] != '\n' && chain->line_length < sizeof(chain->line) - 1)
			chain->line[chain->line_length++] = bytes[i];
		if (bytes[i] != '\n')
			continue;
		chain->line[chain->line_length] = '\0';
		chain->line_length = 0;
		said_line(chain, chain->line);
	}
}

static bool said_read(struct chain *chain)
{
	char bytes[1024];
	ssize_t length = read(chain->said_fd, bytes, sizeof(bytes));

	if (length < 0)
		return false;
	if (length == 0) {
		close(chain->said_fd);
		chain->said_fd = -1;
		return false;
	}
	/* Before what it says is judged. */
	chain_wait_look(chain);
	said_bytes(chain, bytes, (size_t)length);
	return true;
}

/* The driver has ended. What it may have started could hold the pipe: nobody waits for that. */
void chain_wait_said(struct chain *chain)
{
	while (chain->said_fd >= 0 && said_read(chain))
		;
	if (chain->line_length > 0)
		said_bytes(chain, "\n", 1);
	if (chain->said_fd >= 0)
		close(chain->said_fd);
	chain->said_fd = -1;
}

static void serving_ready(struct chain *chain)
{
	char ready;

	chain->serves = read(chain->ready_fd, &ready, 1) == 1;
	close(chain->ready_fd);
	chain->ready_fd = -1;
}

void chain_wait(struct chain *chain, int mounts_fd, int milliseconds)
{
	struct pollfd polls[] = {
		{.fd = chain->signal_fd, .events = POLLIN},
		{.fd = chain->ready_fd, .events = POLLIN},
		{.fd = chain->said_fd, .events = POLLIN},
		{.fd = chain->socket.fd, .events = POLLIN},
		{.fd = mounts_fd, .events = POLLPRI},
	};

	while (poll(polls, ARRAY_LENGTH(polls), milliseconds) < 0 && errno == EINTR)
		;
	if (polls[0].revents)
		chain_wait_look(chain);
	if (polls[1].revents)
		serving_ready(chain);
	if (polls[2].revents)
		said_read(chain);
	if (polls[3].revents)
		chain_socket_answer(&chain->socket);
}
