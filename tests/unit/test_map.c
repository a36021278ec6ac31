// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image/map.h"
#include "util/macros.h"

static char *map_of(const char *path, uint64_t size, bool utf8)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int fd = open(path, O_RDONLY);

	assert_int_equal(image_map_draw(out, fd, size, utf8), 0);
	close(fd);
	fclose(out);
	return text;
}

static void expect_start(char *text, const char *expected)
{
	if (strncmp(text, expected, strlen(expected)) != 0)
		fail_msg("got:\n%s", text);
	free(text);
}

#define ROW_OF_8(a) a a a a a a a a
#define ROW_OF(a)   ROW_OF_8(ROW_OF_8(a))

/* 128 KiB in cells of 512 bytes: four rows of 32 KiB. */
static void four_rows_make(const char *path)
{
	file_make(path, 128 * KIB);
	file_write_pattern(path, 0, 32 * KIB);
	file_allocate(path, 64 * KIB, 32 * KIB);
}

static void test_ascii(void **state)
{
	need_extents();
	four_rows_make("image");
	expect_start(map_of("image", 128 * KIB, false),
		     "    0 KiB  " ROW_OF(
			     "#") "\n"
				  "   32 KiB  " ROW_OF(
					  ".") "\n"
					       "   64 KiB  " ROW_OF(
						       "u") "\n"
							    "   96 KiB  " ROW_OF(
								    ".") "\n\n"
									 "   32 KiB  # written\n"
									 "   32 KiB  u allocated, "
									 "never written\n"
									 "   64 KiB  . hole\n"
									 "One cell is 512 B;");
}

static void test_utf8(void **state)
{
	need_extents();
	four_rows_make("image");
	expect_start(map_of("image", 128 * KIB, true),
		     "    0 KiB  " ROW_OF("\u2588") "\n   32 KiB  " ROW_OF("\u00b7") "\n");
}

/* One block missing in a large image is seen, however large a cell is. */
static void test_one_hole(void **state)
{
	char *text;
	int fd;

	need_extents();
	file_make("image", 16 * MIB);
	file_write_pattern("image", 0, 16 * MIB);
	fd = open("image", O_RDWR);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   5 * MIB + 512 * KIB, 4096),
			 0);
	close(fd);
	text = map_of("image", 16 * MIB, false);
	assert_non_null(strstr(text, "#.#"));
	free(text);
}

static void test_odd_sizes(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 513, 1023, 64 * 512 + 1, 512 * MAP_CELLS, 512 * MAP_CELLS + 1, 3 * GIB + 1};

	need_extents();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		char *text;

		file_make("image", sizes[i]);
		text = map_of("image", sizes[i], false);
		assert_non_null(strstr(text, "Nothing is allocated."));
		assert_true(strlen(text) < 2 * MAP_CELLS);
		free(text);
	}
}

static void test_cannot_tell(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int fd = open("/proc/self/status", O_RDONLY);

	assert_int_equal(image_map_draw(out, fd, 4096, false), -EOPNOTSUPP);
	close(fd);
	fclose(out);
	assert_int_equal(length, 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_ascii),           SCRATCH_TEST(test_utf8),
		SCRATCH_TEST(test_one_hole),        SCRATCH_TEST(test_odd_sizes),
		cmocka_unit_test(test_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
