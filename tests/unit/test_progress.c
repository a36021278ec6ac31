// SPDX-License-Identifier: MIT
/* The bar is drawn on a pseudo terminal, and read from its other end. */
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/progress.h"

struct terminal {
	int other_end;
	int saved; /* what standard error was */
};

static struct terminal terminal_open(unsigned short columns)
{
	struct winsize size = {.ws_col = columns, .ws_row = 24};
	struct terminal terminal = {.other_end = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)};
	int end;

	assert_true(terminal.other_end >= 0);
	assert_int_equal(grantpt(terminal.other_end), 0);
	assert_int_equal(unlockpt(terminal.other_end), 0);
	assert_int_equal(ioctl(terminal.other_end, TIOCSWINSZ, &size), 0);
	end = open(ptsname(terminal.other_end), O_RDWR | O_NOCTTY);
	assert_true(end >= 0);
	terminal.saved = dup(2);
	dup2(end, 2);
	close(end);
	return terminal;
}

/* What was drawn, all of it. */
static void terminal_close(struct terminal *terminal, char *text, size_t bytes)
{
	size_t length = 0;
	ssize_t n;

	while (length + 1 < bytes &&
	       (n = read(terminal->other_end, text + length, bytes - length - 1)) > 0)
		length += (size_t)n;
	text[length] = 0;
	dup2(terminal->saved, 2);
	close(terminal->saved);
	close(terminal->other_end);
}

static void draw(unsigned short columns, const char *what, unsigned updates, char *text,
		 size_t bytes)
{
	struct terminal terminal = terminal_open(columns);
	struct progress progress;

	progress_start(&progress, what, 1000000, 0);
	for (unsigned i = 0; i < updates; i++)
		progress_update(&progress, 500000);
	progress_finish(&progress);
	terminal_close(&terminal, text, bytes);
}

/* Columns of the first drawing: characters between \r and the escape sequence. */
static size_t columns_of(const char *text)
{
	size_t columns = 0;

	assert_int_equal(text[0], '\r');
	for (text++; *text && *text != '\033'; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

static void test_fits(void **state)
{
	static const unsigned short widths[] = {12, 20, 40, 80, 132, 500};
	static const char name[] =
		"writing \u00e4\u00f6\u00fc-a-very-long-name-of-an-image-that-goes-on-and-on.img";
	char text[4096];

	for (size_t i = 0; i < 6; i++) {
		draw(widths[i], name, 1, text, sizeof(text));
		assert_true(columns_of(text) < widths[i]);
		assert_non_null(strstr(text, "50%"));
	}
	assert_non_null(strchr(text, '['));
}

static void test_ten_a_second(void **state)
{
	char text[65536];

	draw(80, "x", 100000, text, sizeof(text));
	assert_true(strlen(text) < 1000);
	assert_string_equal(text + strlen(text) - strlen("\r\033[K"), "\r\033[K");
}

/* A file name cannot command the terminal. */
static void test_control_characters(void **state)
{
	char text[4096];

	draw(80, "a\033[2Jb\n", 1, text, sizeof(text));
	assert_non_null(strstr(text, "a?[2Jb?"));
}

static void test_silent_without_terminal(void **state)
{
	int pipe_fds[2], saved = dup(2);
	struct progress progress;
	char byte;

	assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
	dup2(pipe_fds[1], 2);
	progress_start(&progress, "x", 100, 0);
	progress_update(&progress, 50);
	progress_finish(&progress);
	dup2(saved, 2);
	close(saved);
	assert_int_equal(read(pipe_fds[0], &byte, 1), -1);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_ten_a_second),
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_silent_without_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
