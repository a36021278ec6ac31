// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <unistd.h>

#include "image/extents.h"
#include "util/macros.h"

static struct extent_summary sum_of(uint32_t flags, bool hole)
{
	struct extent extent = {.length = 100, .flags = flags, .hole = hole};
	struct extent_summary summary = {0};

	extent_summary_add(&summary, &extent);
	assert_int_equal(summary.written + summary.unwritten + summary.hole + summary.shared +
				 summary.encoded,
			 100);
	assert_int_equal(summary.count, hole ? 0 : 1);
	return summary;
}

static void test_states(void **state)
{
	static const uint32_t encoded[] = {
		FIEMAP_EXTENT_UNKNOWN,     FIEMAP_EXTENT_DELALLOC | FIEMAP_EXTENT_UNKNOWN,
		FIEMAP_EXTENT_ENCODED,     FIEMAP_EXTENT_DATA_ENCRYPTED,
		FIEMAP_EXTENT_NOT_ALIGNED, FIEMAP_EXTENT_DATA_INLINE,
		FIEMAP_EXTENT_DATA_TAIL,
	};

	assert_int_equal(sum_of(0, false).written, 100);
	assert_int_equal(sum_of(FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_MERGED, false).written, 100);
	assert_int_equal(sum_of(FIEMAP_EXTENT_UNWRITTEN, false).unwritten, 100);
	assert_int_equal(sum_of(FIEMAP_EXTENT_SHARED, false).shared, 100);
	assert_int_equal(sum_of(0, true).hole, 100);
	for (size_t i = 0; i < ARRAY_LENGTH(encoded); i++)
		assert_int_equal(sum_of(encoded[i] | FIEMAP_EXTENT_SHARED, false).encoded, 100);
}

static void test_mapped(void **state)
{
	struct extent_summary good = {.count = 1, .written = 4096};
	struct extent_summary bad;

	assert_true(extents_mapped(&good));
	bad = good, bad.hole = 1;
	assert_false(extents_mapped(&bad));
	bad = good, bad.unwritten = 1;
	assert_false(extents_mapped(&bad));
	bad = good, bad.shared = 1;
	assert_false(extents_mapped(&bad));
	bad = good, bad.encoded = 1;
	assert_false(extents_mapped(&bad));
	assert_false(extents_mapped(&(struct extent_summary){0}));
}

static void test_real_file(void **state)
{
	struct extent_summary summary;
	int fd;

	need_extents();
	/* hole 64K, data 64K, hole 64K, unwritten 64K, hole of an odd size */
	file_make("image", 5 * 65536 - 1);
	file_write_pattern("image", 65536, 65536);
	file_allocate("image", 3 * 65536, 65536);
	fd = open("image", O_RDONLY);
	assert_int_equal(extents_summary(fd, 5 * 65536 - 1, &summary), 0);
	close(fd);
	assert_int_equal(summary.written, 65536);
	assert_int_equal(summary.unwritten, 65536);
	assert_int_equal(summary.hole, 3 * 65536 - 1);
	assert_int_equal(summary.shared + summary.encoded, 0);
}

struct walk {
	uint64_t end;
	unsigned calls;
};

static int walk_each(const struct extent *extent, void *data)
{
	struct walk *walk = data;

	assert_int_equal(extent->logical, walk->end);
	assert_true(extent->length > 0);
	walk->end += extent->length;
	walk->calls++;
	return 0;
}

static int walk_stop(const struct extent *extent, void *data)
{
	return ++*(unsigned *)data == 3 ? 42 : 0;
}

/* More extents than one FIEMAP call gives: no gap, no end too early. */
static void test_many(void **state)
{
	const uint64_t count = 2500;
	struct walk walk = {0};
	unsigned calls = 0;
	int fd;

	need_extents();
	file_make("image", count * 8192);
	fd = open("image", O_RDWR);
	for (uint64_t i = 0; i < count; i++)
		assert_int_equal(pwrite(fd, "x", 1, (off_t)(i * 8192)), 1);
	assert_int_equal(extents_each(fd, count * 8192, walk_each, &walk), 0);
	assert_int_equal(walk.end, count * 8192);
	assert_true(walk.calls >= 2 * count);
	assert_int_equal(extents_each(fd, count * 8192, walk_stop, &calls), 42);
	assert_int_equal(calls, 3);
	close(fd);
}

static void test_cannot_tell(void **state)
{
	struct extent_summary summary = {.count = 77};
	int fd = open("/proc/self/status", O_RDONLY);

	assert_int_equal(extents_summary(fd, 4096, &summary), -EOPNOTSUPP);
	assert_int_equal(summary.count, 77);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),      cmocka_unit_test(test_mapped),
		SCRATCH_TEST(test_real_file),       SCRATCH_TEST(test_many),
		cmocka_unit_test(test_cannot_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
