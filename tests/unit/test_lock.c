// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "image/image.h"

#define IMAGE_BYTES (1 << 20)

static int opened(void)
{
	int fd = open("image", O_RDWR);

	assert_true(fd >= 0);
	return fd;
}

/* What the second opener gets while the first has it. */
static int second(bool first_writes, bool second_writes)
{
	int a, b, r;

	file_make("image", IMAGE_BYTES);
	a = opened();
	b = opened();
	assert_int_equal(image_lock(a, first_writes), 0);
	r = image_lock(b, second_writes);
	close(a);
	close(b);
	return r;
}

static void test_one_writer(void **state)
{
	assert_int_equal(second(true, true), -EBUSY);
	assert_int_equal(second(true, false), -EBUSY);
	assert_int_equal(second(false, true), -EBUSY);
	assert_int_equal(second(false, false), 0);
}

static void test_released(void **state)
{
	int a, b, copy;

	file_make("image", IMAGE_BYTES);
	a = opened();
	assert_int_equal(image_lock(a, true), 0);
	copy = dup(a);
	close(a);
	b = opened();
	assert_int_equal(image_lock(b, true), -EBUSY);
	close(b);
	close(copy);
	b = opened();
	assert_int_equal(image_lock(b, true), 0);
	close(b);
}

static int qemu_convert(void)
{
	char *argv[] = {"qemu-img", "convert", "-f", "raw", "-O", "raw", "image", "copy", NULL};
	pid_t pid = program_start(argv);

	if (pid < 0)
		skip();
	return program_wait(pid);
}

static void test_qemu_refused(void **state)
{
	int fd;

	file_make("image", IMAGE_BYTES);
	assert_int_equal(qemu_convert(), 0);
	fd = opened();
	assert_int_equal(image_lock(fd, true), 0);
	assert_int_not_equal(qemu_convert(), 0);
	close(fd);
	assert_int_equal(qemu_convert(), 0);
}

static int lock_once(bool writer)
{
	int fd = opened();
	int r = image_lock(fd, writer);

	close(fd);
	return r;
}

/* QEMU has it, then we come. */
static void test_refused_by_qemu(void **state)
{
	char *argv[] = {"qemu-io", "-f", "raw", "-c", "sleep 10000", "image", NULL};
	int r = 0;
	pid_t pid;

	file_make("image", IMAGE_BYTES);
	pid = program_start(argv);
	if (pid < 0)
		skip();
	for (int i = 0; i < 500 && r != -EBUSY; i++) {
		usleep(10000);
		r = lock_once(true);
	}
	kill(pid, SIGKILL);
	program_wait(pid);
	assert_int_equal(r, -EBUSY);
	assert_int_equal(lock_once(true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_one_writer),
		SCRATCH_TEST(test_released),
		SCRATCH_TEST(test_qemu_refused),
		SCRATCH_TEST(test_refused_by_qemu),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
