// SPDX-License-Identifier: MIT
/* Every place that a passphrase comes from; the terminal is a pseudoterminal. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "crypt/key_source.h"
#include "crypt/secret.h"
#include "util/macros.h"

static char reason[UNLOCK_REASON_BYTES];
static struct passphrase *passphrase;

static int enter(void **state)
{
	return scratch_enter(state) || passphrase_new(&passphrase);
}

static int leave(void **state)
{
	passphrase_free(passphrase);
	return scratch_leave(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

static int read_source(const char *name, uint64_t offset, uint64_t size)
{
	const struct key_source source = {
		.source = name, .offset_bytes = offset, .size_bytes = size};
	int r = key_source_read(&source, "", false, passphrase, reason);

	assert_true((r < 0) == (reason[0] != 0));
	return r;
}

static void expect(const char *text)
{
	assert_int_equal(passphrase_length(passphrase), strlen(text));
	assert_memory_equal(passphrase_bytes(passphrase), text, strlen(text));
}

static void test_names(void **state)
{
	const struct key_source none = {.source = "none"}, ask = {0}, file = {.source = "file"};

	assert_true(key_source_is_file("/etc/key"));
	assert_true(key_source_is_file("user:name"));
	assert_false(key_source_is_file(NULL));
	assert_false(key_source_is_file("none"));
	assert_false(key_source_is_file("-"));
	assert_false(key_source_is_file("%user:name"));
	assert_false(key_source_is_file("%cred:name"));
	assert_true(key_source_asks(&none));
	assert_true(key_source_asks(&ask));
	assert_false(key_source_asks(&file));
}

static void test_keyfile(void **state)
{
	file_write("key", "0123456789\n", 11);
	assert_int_equal(read_source("key", 0, 0), 0);
	expect("0123456789\n");
	assert_int_equal(read_source("key", 3, 0), 0);
	expect("3456789\n");
	assert_int_equal(read_source("key", 3, 4), 0);
	expect("3456");
	assert_int_equal(read_source("key", 11, 0), 0);
	expect("");
	assert_int_equal(read_source("key", 8, 4), -EINVAL);
	assert_int_equal(read_source("missing", 0, 0), -ENOENT);
	assert_non_null(strstr(reason, "missing"));
	assert_int_equal(read_source(".", 0, 0), -EISDIR);
}

static void test_large(void **state)
{
	file_make("key", UNLOCK_PASSPHRASE_LIMIT_BYTES);
	assert_int_equal(read_source("key", 0, 0), 0);
	assert_int_equal(passphrase_length(passphrase), UNLOCK_PASSPHRASE_LIMIT_BYTES);
	file_make("larger", UNLOCK_PASSPHRASE_LIMIT_BYTES + 1);
	assert_int_equal(read_source("larger", 0, 0), -EFBIG);
	assert_int_equal(read_source("larger", 1, 0), 0);
	assert_int_equal(read_source("larger", 0, 100), 0);
	assert_int_equal(read_source("larger", 0, UNLOCK_PASSPHRASE_LIMIT_BYTES + 1), -EFBIG);
	assert_int_equal(read_source("/dev/zero", 0, 0), -EFBIG);
	assert_int_equal(read_source("/dev/zero", 10, 32), 0);
}

/* What cannot seek, and comes in pieces. */
static void test_fifo(void **state)
{
	int status;
	pid_t pid;

	assert_int_equal(mkfifo("fifo", 0600), 0);
	pid = fork();
	if (pid == 0) {
		int fd = open("fifo", O_WRONLY);

		for (const char *text = "0123456789\n"; *text; text++)
			if (write(fd, text, 1) == 1)
				usleep(1000);
		_exit(0);
	}
	assert_int_equal(read_source("fifo", 4, 0), 0);
	expect("456789\n");
	waitpid(pid, &status, 0);
}

static void test_stdin(void **state)
{
	int before = dup(STDIN_FILENO), ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "a line\nand another", 18), 18);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(read_source("-", 2, 0), 0);
	expect("line\nand another");
	dup2(before, STDIN_FILENO);
	close(before);
}

static void test_credential(void **state)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(read_source("%cred:key", 0, 0), -ENOENT);
	assert_int_equal(mkdir("credentials", 0700), 0);
	file_write("credentials/key", "secret", 6);
	file_write("outside", "secret", 6);
	setenv("CREDENTIALS_DIRECTORY", "credentials", 1);
	assert_int_equal(read_source("%cred:key", 0, 0), 0);
	expect("secret");
	assert_int_equal(read_source("%cred:other", 0, 0), -ENOENT);
	assert_int_equal(read_source("%cred:../outside", 0, 0), -EINVAL);
	assert_int_equal(read_source("%cred:..", 0, 0), -EINVAL);
	assert_int_equal(read_source("%cred:", 0, 0), -EINVAL);
	unsetenv("CREDENTIALS_DIRECTORY");
	unlink("credentials/key");
	rmdir("credentials");
}

static void test_keyring(void **state)
{
	static const int keyrings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING};
	char source[64], *name = strchr(strcpy(source, "%user:"), 0);

	sprintf(name, "platterfs-test-%d", getpid());
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0)
		skip();
	assert_int_equal(read_source(source, 0, 0), -ENOKEY);
	for (size_t i = 0; i < ARRAY_LENGTH(keyrings); i++) {
		long key = syscall(SYS_add_key, "user", name, "in a ring", 9, keyrings[i]);
		int r;

		assert_true(key > 0);
		r = read_source(source, 0, 0);
		syscall(SYS_keyctl, KEYCTL_UNLINK, key, keyrings[i]);
		assert_int_equal(r, 0);
		expect("in a ring");
		assert_int_equal(read_source(source, 0, 0), -ENOKEY);
	}
}

/* A process at a terminal of its own asks, and ends with what came of it. */
struct asked {
	int master;
	pid_t pid;
};

static _Noreturn void ask(const char *slave, bool twice, const char *expected)
{
	const struct key_source source = {0};
	int r;

	setsid();
	if (open(slave, O_RDWR) < 0)
		_exit(100);
	r = key_source_read(&source, "Passphrase: ", twice, passphrase, reason);
	if (r < 0)
		_exit(-r);
	_exit(passphrase_length(passphrase) == strlen(expected) &&
			      memcmp(passphrase_bytes(passphrase), expected, strlen(expected)) == 0
		      ? 0
		      : 101);
}

static struct asked ask_start(bool twice, const char *expected)
{
	struct asked asked = {.master = posix_openpt(O_RDWR | O_NOCTTY)};
	char slave[64];

	assert_int_equal(grantpt(asked.master) | unlockpt(asked.master), 0);
	assert_int_equal(ptsname_r(asked.master, slave, sizeof(slave)), 0);
	asked.pid = fork();
	if (asked.pid == 0)
		ask(slave, twice, expected);
	return asked;
}

/* Reads until the terminal has shown this. */
static void wait_for(const struct asked *asked, const char *text)
{
	struct pollfd polled = {.fd = asked->master, .events = POLLIN};
	char shown[1024] = "";
	size_t length = 0;

	while (!strstr(shown, text)) {
		ssize_t n;

		assert_int_equal(poll(&polled, 1, 10000), 1);
		n = read(asked->master, shown + length, sizeof(shown) - 1 - length);
		assert_true(n > 0);
		length += (size_t)n;
		shown[length] = 0;
		assert_null(strstr(shown, "typed"));
	}
}

static bool echoes(const struct asked *asked)
{
	struct termios settings;

	assert_int_equal(tcgetattr(asked->master, &settings), 0);
	return settings.c_lflag & ECHO;
}

static void wait_for_silence(const struct asked *asked)
{
	for (int i = 0; i < 10000 && echoes(asked); i++)
		usleep(1000);
	assert_false(echoes(asked));
}

static void type(const struct asked *asked, const char *text)
{
	wait_for_silence(asked);
	assert_int_equal(write(asked->master, text, strlen(text)), strlen(text));
}

static int ask_wait(const struct asked *asked)
{
	int code = program_wait(asked->pid);

	assert_true(echoes(asked));
	close(asked->master);
	return code;
}

static void test_terminal(void **state)
{
	struct asked asked = ask_start(false, "typed");

	wait_for(&asked, "Passphrase: ");
	type(&asked, "typed\n");
	assert_int_equal(ask_wait(&asked), 0);
	asked = ask_start(false, "");
	type(&asked, "\n");
	assert_int_equal(ask_wait(&asked), ENOKEY);
	asked = ask_start(false, "");
	type(&asked, "\004");
	assert_int_equal(ask_wait(&asked), ENOKEY);
}

static void test_terminal_twice(void **state)
{
	struct asked asked = ask_start(true, "typed");

	wait_for(&asked, "Passphrase: ");
	type(&asked, "typed\n");
	wait_for(&asked, "again: ");
	type(&asked, "typed\n");
	assert_int_equal(ask_wait(&asked), 0);
	asked = ask_start(true, "typed");
	wait_for(&asked, "Passphrase: ");
	type(&asked, "typed\n");
	wait_for(&asked, "again: ");
	type(&asked, "typed!\n");
	assert_int_equal(ask_wait(&asked), EKEYREJECTED);
}

static void test_terminal_long(void **state)
{
	char text[520];
	struct asked asked;

	memset(text, 'x', sizeof(text));
	text[512] = 0;
	asked = ask_start(false, text);
	wait_for_silence(&asked);
	text[512] = '\n';
	text[513] = 0;
	type(&asked, text);
	assert_int_equal(ask_wait(&asked), 0);
	asked = ask_start(false, "");
	text[512] = 'x';
	text[513] = '\n';
	text[514] = 0;
	type(&asked, text);
	assert_int_equal(ask_wait(&asked), EFBIG);
}

/* However it ends, the terminal has its echo again. */
static void test_terminal_signals(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++) {
		struct asked asked = ask_start(false, "");

		wait_for_silence(&asked);
		kill(asked.pid, signals[i]);
		assert_int_equal(ask_wait(&asked), 128 + signals[i]);
	}
}

static void test_terminal_stopped(void **state)
{
	struct asked asked = ask_start(false, "typed");
	int status;

	wait_for_silence(&asked);
	kill(asked.pid, SIGTSTP);
	/* It leads its session, whose orphaned processes do not stop: it goes on either way. */
	waitpid(asked.pid, &status, WUNTRACED | WNOHANG);
	kill(asked.pid, SIGCONT);
	wait_for(&asked, "Passphrase: ");
	type(&asked, "typed\n");
	assert_int_equal(ask_wait(&asked), 0);
}

static void test_no_terminal(void **state)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		_exit(-read_source(NULL, 0, 0));
	}
	assert_int_equal(program_wait(pid), ENOTTY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_keyfile),
		TEST(test_large),
		TEST(test_fifo),
		TEST(test_stdin),
		TEST(test_credential),
		TEST(test_keyring),
		TEST(test_terminal),
		TEST(test_terminal_twice),
		TEST(test_terminal_long),
		TEST(test_terminal_signals),
		TEST(test_terminal_stopped),
		TEST(test_no_terminal),
	};

	secret_init(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
