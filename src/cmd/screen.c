// SPDX-License-Identifier: MIT
#include "cmd/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "util/macros.h"

/* The other screen, no cursor, lines that do not wrap; and back. */
#define TAKE      "\033[?1049h\033[?25l\033[?7l"
#define GIVE_BACK "\033[?7h\033[?25h\033[?1049l"

static struct {
	int signal_fd;
	bool keys; /* standard input is the terminal */
	struct termios before;
} screen;

bool screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

/* A terminal that is gone is noticed by SIGHUP. */
static void put(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t written = write(STDOUT_FILENO, text, left);

		if (written < 0 && errno != EINTR)
			return;
		text += written > 0 ? written : 0;
		left -= written > 0 ? (size_t)written : 0;
	}
}

static void take(void)
{
	struct termios ours = screen.before;

	ours.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	ours.c_cc[VMIN] = 1;
	ours.c_cc[VTIME] = 0;
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &ours);
	put(TAKE);
}

static void give_back(void)
{
	put(GIVE_BACK);
	if (screen.keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &screen.before);
}

int screen_open(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGWINCH};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		sigaddset(&set, signals[i]);
	screen.signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (screen.signal_fd < 0)
		return -errno;
	sigprocmask(SIG_BLOCK, &set, NULL);
	screen.keys = tcgetattr(STDIN_FILENO, &screen.before) == 0;
	take();
	return 0;
}

void screen_close(void)
{
	give_back();
	close(screen.signal_fd);
}

void screen_size(unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize size;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;

	*ret_columns = known && size.ws_col ? size.ws_col : 80;
	*ret_rows = known && size.ws_row ? size.ws_row : 24;
}

/* The rest of each line, and what is below the last, may be of the picture before. */
void screen_draw(const char *text)
{
	put("\033[H");
	for (; *text; text += strcspn(text, "\n")) {
		_cleanup_free_ char *line = NULL;

		if (*text == '\n') {
			put("\033[K\r\n");
			text++;
		}
		line = strndup(text, strcspn(text, "\n"));
		if (line)
			put(line);
	}
	put("\033[K\033[J");
}

/* Ctrl-Z: the shell gets its terminal, and we get it again after `fg`. */
static enum screen_event stop(void)
{
	give_back();
	raise(SIGSTOP);
	take();
	return SCREEN_RESIZE;
}

static enum screen_event signal_event(void)
{
	struct signalfd_siginfo signal;

	if (read(screen.signal_fd, &signal, sizeof(signal)) != sizeof(signal))
		return SCREEN_RESIZE;
	if (signal.ssi_signo == SIGTSTP)
		return stop();
	return signal.ssi_signo == SIGWINCH ? SCREEN_RESIZE : SCREEN_END;
}

static enum screen_event key_event(void)
{
	char key;
	ssize_t length = read(STDIN_FILENO, &key, 1);

	if (length == 0 || (length < 0 && errno != EINTR && errno != EAGAIN))
		return SCREEN_END;
	return length == 1 && (key == 'q' || key == 'Q') ? SCREEN_END : SCREEN_RESIZE;
}

enum screen_event screen_wait(int64_t until_ns)
{
	struct pollfd polls[] = {
		{.fd = screen.signal_fd, .events = POLLIN},
		{.fd = screen.keys ? STDIN_FILENO : -1, .events = POLLIN},
	};
	struct timespec now, left = {0};
	int64_t left_ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left_ns = until_ns - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
	if (left_ns > 0)
		left = (struct timespec){left_ns / 1000000000, left_ns % 1000000000};
	if (ppoll(polls, ARRAY_LENGTH(polls), &left, NULL) <= 0)
		return SCREEN_TIME;
	return polls[0].revents ? signal_event() : key_event();
}
