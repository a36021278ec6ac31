// SPDX-License-Identifier: MIT
/*
 * Whatever signal ends or stops the process while somebody types, the terminal has its echo again
 * before. One thread at a time: there is one terminal, and one set of signal handlers.
 */
#include "crypt/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "crypt/reason.h"
#include "crypt/secret.h"
#include "util/macros.h"

/* cryptsetup's limit for what is typed. */
#define TYPED_LIMIT_BYTES 512u

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

struct terminal {
	int fd;
	struct termios echoing;
	struct sigaction before[ARRAY_LENGTH(watched)];
	sigset_t mask;
};

static pthread_mutex_t terminal_mutex = PTHREAD_MUTEX_INITIALIZER;
/* The handler may run in any thread; the pipe wakes the one that waits. */
static int caught_pipe[2];

static void signal_catch(int number)
{
	int error = errno;
	unsigned char byte = (unsigned char)number;

	if (write(caught_pipe[1], &byte, 1) < 0)
		errno = error;
	errno = error;
}

/* A signal that is blocked for others to take reaches us as long as we ask. */
static void signals_watch(struct terminal *terminal)
{
	struct sigaction action = {.sa_handler = signal_catch, .sa_flags = SA_RESTART};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LENGTH(watched); i++) {
		sigaction(watched[i], NULL, &terminal->before[i]);
		if (terminal->before[i].sa_handler == SIG_IGN)
			continue;
		sigaction(watched[i], &action, NULL);
		sigaddset(&set, watched[i]);
	}
	pthread_sigmask(SIG_UNBLOCK, &set, &terminal->mask);
}

static void signals_restore(const struct terminal *terminal)
{
	pthread_sigmask(SIG_SETMASK, &terminal->mask, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(watched); i++)
		sigaction(watched[i], &terminal->before[i], NULL);
}

static bool signal_take(int *ret_signal)
{
	unsigned char number;

	if (read(caught_pipe[0], &number, 1) != 1)
		return false;
	*ret_signal = number;
	return true;
}

/* Bytes of a line without its end, or negative errno; -EINTR: *ret_signal came first. */
static ssize_t line_read(const struct terminal *terminal, uint8_t *bytes, int *ret_signal)
{
	struct pollfd polled[] = {{.fd = terminal->fd, .events = POLLIN},
				  {.fd = caught_pipe[0], .events = POLLIN}};
	size_t done = 0;

	while (done <= TYPED_LIMIT_BYTES) {
		ssize_t n;

		if (poll(polled, ARRAY_LENGTH(polled), -1) < 0 && errno != EINTR)
			return -errno;
		if (signal_take(ret_signal))
			return -EINTR;
		n = read(terminal->fd, bytes + done, TYPED_LIMIT_BYTES + 1 - done);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n == 0)
			return done ? (ssize_t)done : -ENOKEY;
		if (n > 0)
			done += (size_t)n;
		if (done > 0 && bytes[done - 1] == '\n')
			return done > 1 ? (ssize_t)done - 1 : -ENOKEY;
	}
	return -EFBIG;
}

static void terminal_print(const struct terminal *terminal, const char *text)
{
	/* Who does not see the prompt will notice. */
	if (write(terminal->fd, text, strlen(text)) < 0)
		return;
}

static ssize_t line_ask_once(struct terminal *terminal, const char *prompt, uint8_t *bytes,
			     int *ret_signal)
{
	struct termios silent;
	ssize_t r;

	if (tcgetattr(terminal->fd, &terminal->echoing) < 0)
		return -ENOTTY;
	if (pipe2(caught_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	signals_watch(terminal);
	silent = terminal->echoing;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	silent.c_lflag |= ICANON | ISIG;
	terminal_print(terminal, prompt);
	r = tcsetattr(terminal->fd, TCSAFLUSH, &silent) < 0
		    ? -errno
		    : line_read(terminal, bytes, ret_signal);
	tcsetattr(terminal->fd, TCSAFLUSH, &terminal->echoing);
	terminal_print(terminal, "\n");
	signals_restore(terminal);
	/* The last moment counts too. */
	if (*ret_signal == 0)
		signal_take(ret_signal);
	close(caught_pipe[0]);
	close(caught_pipe[1]);
	return r;
}

/* A signal does now what it would have done; who was stopped by it is asked again. */
static ssize_t line_ask(struct terminal *terminal, const char *prompt, uint8_t *bytes)
{
	for (;;) {
		int number = 0;
		ssize_t r = line_ask_once(terminal, prompt, bytes, &number);

		if (number == 0)
			return r;
		secret_wipe(bytes, TYPED_LIMIT_BYTES + 1);
		kill(getpid(), number);
		if (number != SIGTSTP && number != SIGTTIN && number != SIGTTOU)
			return -EINTR;
	}
}

static ssize_t ask(struct terminal *terminal, const char *prompt, bool twice, uint8_t *bytes)
{
	uint8_t *again = bytes + TYPED_LIMIT_BYTES + 1;
	ssize_t length = line_ask(terminal, prompt, bytes), second;

	if (length < 0 || !twice)
		return length;
	second = line_ask(terminal, "The same again: ", again);
	if (second >= 0 && (second != length || memcmp(bytes, again, (size_t)length) != 0))
		second = -EKEYREJECTED;
	secret_wipe(again, TYPED_LIMIT_BYTES + 1);
	return second;
}

static const char *reason_of(ssize_t error)
{
	switch (error) {
	case -ENOKEY:
		return "no passphrase was typed";
	case -EFBIG:
		return "no passphrase has more than 512 bytes; use a keyfile";
	case -EKEYREJECTED:
		return "the two passphrases are not the same";
	case -EINTR:
		return "interrupted";
	case -ENOTTY:
		return "there is no terminal to ask for the passphrase at";
	default:
		return strerror((int)-error);
	}
}

int terminal_ask(const char *prompt, bool twice, struct passphrase *passphrase,
		 char reason[UNLOCK_REASON_BYTES])
{
	struct terminal terminal = {.fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)};
	ssize_t length = -ENOTTY;

	if (terminal.fd >= 0) {
		pthread_mutex_lock(&terminal_mutex);
		length = ask(&terminal, prompt, twice, passphrase_bytes(passphrase));
		pthread_mutex_unlock(&terminal_mutex);
		close(terminal.fd);
	}
	if (length < 0)
		return reason_set(reason, (int)length, "%s", reason_of(length));
	passphrase_set_length(passphrase, (size_t)length);
	return 0;
}
