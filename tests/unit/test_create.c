// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/create.h"
#include "image/extents.h"
#include "util/macros.h"

static int create(const char *path, uint64_t size, bool sparse)
{
	struct create_request request = {.path = path, .size_bytes = size, .sparse = sparse};
	const char *reason;
	bool mapped = false;
	int r = image_create(&request, &mapped, &reason);

	if (r == 0)
		assert_int_equal(mapped, !sparse);
	return r;
}

static struct extent_summary summary_of(const char *path, uint64_t size)
{
	struct extent_summary summary;
	int fd = open(path, O_RDONLY);

	assert_int_equal(extents_summary(fd, size, &summary), 0);
	close(fd);
	return summary;
}

static void expect_zeros(const char *path, uint64_t size)
{
	uint64_t found;
	unsigned char *bytes = file_read(path, &found);

	assert_int_equal(found, size);
	for (uint64_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], 0);
	free(bytes);
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = {1,    511,  512,     1023,    2047,    4095,
					 4096, 5119, MIB - 1, MIB + 1, 5 * MIB, 5 * MIB + 513};
	struct stat status;

	need_extents();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		assert_int_equal(create("image", sizes[i], false), 0);
		assert_int_equal(summary_of("image", sizes[i]).written, sizes[i]);
		expect_zeros("image", sizes[i]);
		assert_int_equal(stat("image", &status), 0);
		assert_int_equal(status.st_mode, S_IFREG | 0600);
		assert_true((uint64_t)status.st_blocks * 512 >= sizes[i]);
		assert_int_equal(names_count(), 1);
		unlink("image");
	}
}

static void test_sparse(void **state)
{
	need_extents();
	assert_int_equal(create("image", 100 * MIB + 1, true), 0);
	assert_int_equal(summary_of("image", 100 * MIB + 1).hole, 100 * MIB + 1);
}

static void test_existing(void **state)
{
	uint64_t size;
	unsigned char *bytes;

	file_make("image", 100);
	file_write_pattern("image", 0, 100);
	assert_int_equal(symlink("nowhere", "link"), 0);
	assert_int_equal(create("image", 4096, false), -EEXIST);
	assert_int_equal(create("link", 4096, false), -EEXIST);
	bytes = file_read("image", &size);
	assert_int_equal(size, 100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(bytes[i], pattern_byte(i));
	free(bytes);
	assert_int_equal(names_count(), 2);
}

static void test_bad_paths(void **state)
{
	assert_int_equal(create("missing/image", 4096, false), -ENOENT);
	assert_int_equal(create("", 4096, false), -EISDIR);
	assert_int_equal(create("./", 4096, false), -EISDIR);
	assert_int_equal(create("..", 4096, false), -EISDIR);
	assert_int_equal(names_count(), 0);
}

static void test_too_large(void **state)
{
	struct rlimit before, limit = {.rlim_cur = MIB, .rlim_max = RLIM_INFINITY};

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit.rlim_max = before.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(create("image", 2 * MIB, false), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(create("image", INT64_MAX, false) < 0);
	assert_int_equal(names_count(), 0);
}

static void test_interrupted(void **state)
{
	const volatile sig_atomic_t interrupt = 1;
	struct create_request request = {
		.path = "image", .size_bytes = 8 * MIB, .interrupt = &interrupt};
	const char *reason = NULL;
	bool mapped;

	need_extents();
	assert_int_equal(image_create(&request, &mapped, &reason), -EINTR);
	assert_non_null(reason);
	assert_int_equal(names_count(), 0);
}

/* Whenever it is killed, the name is not there, or the image is complete. */
static void test_killed(void **state)
{
	unsigned killed = 0;

	need_extents();
	for (useconds_t delay = 0; delay < 30000; delay += 1500) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(create("image", 16 * MIB, false) == 0 ? 0 : 1);
		usleep(delay);
		kill(pid, SIGKILL);
		killed += program_wait(pid) == 128 + SIGKILL;
		if (access("image", F_OK) == 0)
			assert_int_equal(summary_of("image", 16 * MIB).written, 16 * MIB);
		unlink("image");
		assert_int_equal(names_count(), 0);
	}
	assert_true(killed > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_sizes),     SCRATCH_TEST(test_sparse),
		SCRATCH_TEST(test_existing),  SCRATCH_TEST(test_bad_paths),
		SCRATCH_TEST(test_too_large), SCRATCH_TEST(test_interrupted),
		SCRATCH_TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
