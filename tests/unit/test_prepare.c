// SPDX-License-Identifier: MIT
/* Every test compares the image with what the test itself wrote, kept in memory. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"
#include "image/prepare.h"
#include "util/macros.h"

struct area {
	uint64_t offset;
	uint64_t length;
};

/* Across blocks, within one block, at the ends: block and page are never the unit. */
static const struct area data_areas[] = {{0, 1},        {4095, 2},        {70000, 5000},
					 {200000, 100}, {1048576, 65536}, {3000001, 300000}};
static const struct area allocated_areas[] = {{8192, 8192}, {262144, 262144}, {2097152, 524288}};

static void image_make(const char *path, uint64_t size)
{
	file_make(path, size);
	for (size_t i = 0; i < ARRAY_LENGTH(allocated_areas); i++)
		if (allocated_areas[i].offset < size)
			file_allocate(path, allocated_areas[i].offset,
				      min_u64(allocated_areas[i].length,
					      size - allocated_areas[i].offset));
	for (size_t i = 0; i < ARRAY_LENGTH(data_areas); i++)
		if (data_areas[i].offset < size)
			file_write_pattern(
				path, data_areas[i].offset,
				min_u64(data_areas[i].length, size - data_areas[i].offset));
	file_write_pattern(path, size - 1, 1);
}

static unsigned char expected_byte(uint64_t offset, uint64_t size)
{
	for (size_t i = 0; i < ARRAY_LENGTH(data_areas); i++)
		if (offset - data_areas[i].offset < data_areas[i].length)
			return pattern_byte(offset);
	return offset == size - 1 ? pattern_byte(offset) : 0;
}

static void expect_image(const char *path, uint64_t size)
{
	uint64_t found;
	unsigned char *bytes = file_read(path, &found);

	assert_int_equal(found, size);
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != expected_byte(i, size))
			fail_msg("byte %llu is %d", (unsigned long long)i, bytes[i]);
	free(bytes);
}

static struct extent_summary summary_of(const char *path)
{
	struct extent_summary summary;
	struct stat status;
	int fd = open(path, O_RDONLY);

	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(extents_summary(fd, (uint64_t)status.st_size, &summary), 0);
	close(fd);
	return summary;
}

static int prepare(const char *path, uint64_t *ret_bytes)
{
	struct prepare_request request = {.path = path};
	const char *reason;

	return image_prepare(&request, ret_bytes, &reason);
}

static void test_sizes(void **state)
{
	static const uint64_t sizes[] = {1,       1023,    2047,          4095,          5119,
					 MIB + 1, 4 * MIB, 4 * MIB + 511, 4 * MIB + 4097};
	uint64_t bytes;

	need_extents();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		image_make("image", sizes[i]);
		assert_int_equal(prepare("image", &bytes), 0);
		assert_int_equal(summary_of("image").written, sizes[i]);
		expect_image("image", sizes[i]);
	}
}

/* What is mapped already is not written: neither its blocks nor its times change. */
static void test_again(void **state)
{
	struct stat before, after;
	uint64_t bytes;

	need_extents();
	image_make("image", 4 * MIB);
	assert_int_equal(prepare("image", &bytes), 0);
	assert_true(bytes > 0);
	assert_int_equal(stat("image", &before), 0);
	usleep(20000);
	assert_int_equal(prepare("image", &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(stat("image", &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof(before.st_mtim));
}

static void test_interrupted(void **state)
{
	const volatile sig_atomic_t interrupt = 1;
	struct prepare_request request = {.path = "image", .interrupt = &interrupt};
	const char *reason = NULL;
	uint64_t bytes = 77;

	need_extents();
	image_make("image", 4 * MIB);
	assert_int_equal(image_prepare(&request, &bytes, &reason), -EINTR);
	assert_int_equal(bytes, 77);
	assert_non_null(reason);
	expect_image("image", 4 * MIB);
}

static void test_killed(void **state)
{
	const uint64_t size = 16 * MIB + 777;
	unsigned killed = 0;
	uint64_t bytes;

	need_extents();
	for (useconds_t delay = 0; delay < 30000; delay += 1500) {
		pid_t pid;

		image_make("image", size);
		pid = fork();
		if (pid == 0)
			_exit(prepare("image", &bytes) == 0 ? 0 : 1);
		usleep(delay);
		kill(pid, SIGKILL);
		killed += program_wait(pid) == 128 + SIGKILL;
		expect_image("image", size);
		assert_int_equal(prepare("image", &bytes), 0);
		assert_int_equal(summary_of("image").written, size);
		expect_image("image", size);
	}
	assert_true(killed > 0);
}

static void test_in_use(void **state)
{
	struct image image;
	const char *reason;
	uint64_t bytes;

	need_extents();
	image_make("image", 4 * MIB);
	assert_int_equal(image_open(AT_FDCWD, "image", IMAGE_READ_ONLY, &image, &reason), 0);
	assert_int_equal(prepare("image", &bytes), -EBUSY);
	assert_true(summary_of("image").hole > 0);
	image_close(&image);
}

static void test_refused(void **state)
{
	uint64_t bytes;

	file_make("empty", 0);
	assert_int_equal(prepare("empty", &bytes), -EINVAL);
	assert_int_equal(prepare("missing", &bytes), -ENOENT);
	assert_int_equal(prepare(".", &bytes), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_sizes),       SCRATCH_TEST(test_again),
		SCRATCH_TEST(test_interrupted), SCRATCH_TEST(test_killed),
		SCRATCH_TEST(test_in_use),      SCRATCH_TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
