// SPDX-License-Identifier: MIT
/* An image that grows while others verify it, and one that fails to. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"
#include "image/resize.h"
#include "util/macros.h"

enum {
	OLD_BYTES = 65536,
	NEW_BYTES = 8 << 20
};

static struct image image;

static int verify(void)
{
	const char *reason;

	return image_verify(&image, &reason);
}

static void image_make(void)
{
	const char *reason;

	need_extents();
	file_make("image", OLD_BYTES);
	file_write_pattern("image", 0, OLD_BYTES);
	assert_int_equal(image_open(AT_FDCWD, "image", 0, &image, &reason), 0);
	assert_true(image_mapped(&image));
}

static uint64_t file_size(void)
{
	struct stat status;

	assert_int_equal(stat("image", &status), 0);
	return (uint64_t)status.st_size;
}

static void expect_content(uint64_t size)
{
	uint64_t found;
	unsigned char *bytes = file_read("image", &found);

	assert_int_equal(found, size);
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != (i < OLD_BYTES ? pattern_byte(i) : 0))
			fail_msg("byte %llu is %d", (unsigned long long)i, bytes[i]);
	free(bytes);
}

static void expect_old(void)
{
	assert_int_equal(image.size_bytes, OLD_BYTES);
	assert_int_equal(image.direct_end_bytes, OLD_BYTES);
	assert_int_equal(verify(), 0);
	expect_content(OLD_BYTES);
	/* Nothing is allowed any more. */
	assert_int_equal(truncate("image", OLD_BYTES + 4096), 0);
	assert_int_equal(verify(), -EIO);
}

/* Whoever verifies it at any moment, finds it right. */
static int watch_verifying(void *context, uint64_t done_bytes)
{
	unsigned *calls = context;

	++*calls;
	assert_int_equal(verify(), 0);
	assert_int_equal(image.size_bytes, OLD_BYTES);
	return 0;
}

static int watch_stopping(void *context, uint64_t done_bytes)
{
	assert_int_equal(verify(), 0);
	return done_bytes > 0 ? -ECANCELED : 0;
}

static void test_grows(void **state)
{
	unsigned calls = 0;
	const struct resize_request request = {
		.to_bytes = NEW_BYTES, .watch = watch_verifying, .watch_context = &calls};
	const char *reason;

	image_make();
	image_growing(&image, NEW_BYTES);
	assert_int_equal(verify(), 0);
	assert_int_equal(image_extend(&image, &request), 0);
	assert_true(calls > 1);
	assert_int_equal(file_size(), NEW_BYTES);
	assert_int_equal(image.size_bytes, OLD_BYTES);
	assert_int_equal(verify(), 0);
	assert_int_equal(image_grown(&image, &reason), 0);
	assert_int_equal(image.size_bytes, NEW_BYTES);
	assert_int_equal(image.direct_end_bytes, NEW_BYTES);
	assert_true(image_mapped(&image));
	assert_int_equal(verify(), 0);
	expect_content(NEW_BYTES);
	assert_int_equal(truncate("image", NEW_BYTES - 4096), 0);
	assert_int_equal(verify(), -EIO);
	image_close(&image);
}

/* Blocks of the new part are missed as those of the old one. */
static void test_punched(void **state)
{
	static const off_t places[] = {8192, OLD_BYTES + 8192};
	const struct resize_request request = {.to_bytes = NEW_BYTES};
	const char *reason;

	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

		image_make();
		image_growing(&image, NEW_BYTES);
		/* In the old part, while it grows. */
		if (places[i] < OLD_BYTES)
			assert_int_equal(fallocate(image.buffered_fd, mode, places[i], 8192), 0);
		assert_int_equal(image_extend(&image, &request), 0);
		assert_int_equal(image_grown(&image, &reason), 0);
		if (places[i] >= OLD_BYTES) {
			assert_int_equal(verify(), 0);
			assert_int_equal(fallocate(image.buffered_fd, mode, places[i], 8192), 0);
		}
		assert_int_equal(verify(), -EIO);
		image_close(&image);
		unlink("image");
	}
}

static void test_stopped(void **state)
{
	const struct resize_request request = {.to_bytes = NEW_BYTES, .watch = watch_stopping};

	image_make();
	image_growing(&image, NEW_BYTES);
	assert_int_equal(image_extend(&image, &request), -ECANCELED);
	assert_int_equal(verify(), 0);
	assert_int_equal(image_not_grown(&image), 0);
	expect_old();
	image_close(&image);
}

static atomic_bool over;

static void *verifying(void *data)
{
	unsigned *failures = data;

	while (!over)
		*failures += verify() < 0;
	return NULL;
}

/* Nor does it at the very moment at which the new size shows, or the old one is there again. */
static void test_verified_by_others(void **state)
{
	pthread_t threads[2];
	unsigned failures[2] = {0};
	const char *reason;

	image_make();
	over = false;
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, verifying, &failures[i]);
	for (unsigned i = 0; i < 400; i++) {
		const struct resize_request request = {.to_bytes = image.size_bytes + 4096};

		image_growing(&image, request.to_bytes);
		assert_int_equal(image_extend(&image, &request), 0);
		assert_int_equal(i % 2 ? image_grown(&image, &reason) : image_not_grown(&image), 0);
	}
	over = true;
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(failures[0] + failures[1], 0);
	expect_content(OLD_BYTES + 200 * 4096);
	image_close(&image);
}

/* Extended, but not published; and what another program has done to it meanwhile. */
static void test_not_published(void **state)
{
	const struct resize_request request = {.to_bytes = NEW_BYTES};
	const char *reason;

	image_make();
	image_growing(&image, NEW_BYTES);
	assert_int_equal(image_extend(&image, &request), 0);
	assert_int_equal(truncate("image", NEW_BYTES / 2), 0);
	assert_int_equal(image_grown(&image, &reason), -EIO);
	assert_int_equal(image_not_grown(&image), 0);
	expect_old();
	image_close(&image);
}

/* One that another program made shorter is not made longer again. */
static void test_truncated(void **state)
{
	const struct resize_request request = {.to_bytes = NEW_BYTES};

	image_make();
	image_growing(&image, NEW_BYTES);
	assert_int_equal(image_extend(&image, &request), 0);
	assert_int_equal(truncate("image", 4096), 0);
	assert_int_equal(verify(), -EIO);
	assert_int_equal(image_not_grown(&image), -EIO);
	assert_int_equal(file_size(), 4096);
	assert_int_equal(verify(), -EIO);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_grows),     SCRATCH_TEST(test_punched),
		SCRATCH_TEST(test_stopped),   SCRATCH_TEST(test_not_published),
		SCRATCH_TEST(test_truncated), SCRATCH_TEST(test_verified_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
