// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "image/image.h"
#include "util/macros.h"

static int folder_open(void)
{
	int fd = open(".", O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	return fd;
}

/* In the working folder; nothing may be left open, and nothing be touched on failure. */
static int open_error(const char *name)
{
	struct image image = {.direct_fd = 77};
	int folder_fd = folder_open();
	const char *reason = "untouched";
	int r = image_open(folder_fd, name, 0, &image, &reason);

	if (r == 0)
		image_close(&image);
	else
		assert_int_equal(image.direct_fd, 77);
	close(folder_fd);
	return r;
}

static void test_refused(void **state)
{
	file_make("image", 4096);
	assert_int_equal(symlink("image", "link"), 0);
	assert_int_equal(symlink("/etc/passwd", "outside"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(open_error("image"), 0);
	assert_int_equal(open_error("link"), -ELOOP);
	assert_int_equal(open_error("outside"), -ELOOP);
	assert_int_equal(open_error("fifo"), -EINVAL);
	assert_int_equal(open_error("folder"), -EISDIR);
	assert_int_equal(open_error("missing"), -ENOENT);
	assert_int_equal(open_error("../image"), -EXDEV);
	assert_int_equal(open_error("/etc/passwd"), -EXDEV);
}

/* Opening a device could do anything (rewind a tape, start a watchdog): it is not opened. */
static void test_device(void **state)
{
	if (mknod("device", S_IFCHR | 0600, makedev(1, 3)) < 0)
		skip();
	assert_int_equal(open_error("device"), -EINVAL);
	assert_int_equal(open_error("image"), -ENOENT);
}

static void test_geometry(void **state)
{
	static const uint64_t sizes[] = {0,    1,    511,  512,  1023, 1024,    2047,
					 4095, 4096, 4097, 5119, MIB,  MIB + 1, MIB + 512};
	const char *reason;

	need_extents();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		struct image image;

		file_make("image", sizes[i]);
		assert_int_equal(image_open(AT_FDCWD, "image", 0, &image, &reason), 0);
		assert_int_equal(image.size_bytes, sizes[i]);
		assert_true(image.direct_end_bytes <= sizes[i]);
		assert_int_equal(image.direct_end_bytes % image.block_bytes, 0);
		assert_true(sizes[i] - image.direct_end_bytes < IMAGE_PAGE_BYTES);
		assert_int_equal(image.extents.hole, sizes[i]);
		image_close(&image);
	}
}

static int verify_after(int (*change)(const char *path))
{
	struct image image;
	const char *reason;
	int r;

	file_make("image", 65536);
	file_write_pattern("image", 0, 65536);
	assert_int_equal(image_open(AT_FDCWD, "image", 0, &image, &reason), 0);
	assert_int_equal(image_verify(&image, &reason), 0);
	assert_int_equal(change("image"), 0);
	r = image_verify(&image, &reason);
	image_close(&image);
	unlink("image");
	return r;
}

static int change_shrink(const char *path)
{
	return truncate(path, 4096);
}

static int change_grow(const char *path)
{
	return truncate(path, 65537);
}

static int change_punch(const char *path)
{
	int fd = open(path, O_RDWR);
	int r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 8192);

	close(fd);
	return r;
}

static void test_verify(void **state)
{
	need_extents();
	assert_int_equal(verify_after(unlink), -ENOENT);
	assert_int_equal(verify_after(change_shrink), -EIO);
	assert_int_equal(verify_after(change_grow), -EIO);
	assert_int_equal(verify_after(change_punch), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_refused),
		SCRATCH_TEST(test_device),
		SCRATCH_TEST(test_geometry),
		SCRATCH_TEST(test_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
