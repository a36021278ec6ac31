// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/doctor.h"
#include "image/image.h"

struct wanted {
	const char *id;
	const char *words;
	enum finding_verdict verdict;
	unsigned count;
};

static void wanted_count(const struct finding *finding, void *data)
{
	struct wanted *wanted = data;

	assert_true(strlen(finding->sentence) > 0);
	wanted->count += strcmp(finding->id, wanted->id) == 0 &&
			 strstr(finding->sentence, wanted->words) &&
			 finding->verdict == wanted->verdict;
}

static unsigned findings(const char *path, enum finding_verdict verdict, const char *id,
			 const char *words)
{
	struct wanted wanted = {.id = id, .words = words, .verdict = verdict};
	const char *reason;

	assert_int_equal(doctor_examine(path, wanted_count, &wanted, &reason), 0);
	return wanted.count;
}

static void test_extents(void **state)
{
	need_extents();
	file_make("image", 65536);
	assert_int_equal(findings("image", FINDING_WARN, "extents", "64 KiB of it are holes"), 1);
	file_allocate("image", 0, 65536);
	assert_int_equal(findings("image", FINDING_WARN, "extents", "never written"), 1);
	file_write_pattern("image", 0, 65536);
	assert_int_equal(findings("image", FINDING_WARN, "extents", ""), 0);
	assert_int_equal(findings("image", FINDING_PASS, "extents", "every block"), 1);
}

/* Looking takes no lock, and sees who has one. */
static void test_lock(void **state)
{
	struct image image;
	const char *reason;

	need_extents();
	file_make("image", 65536);
	assert_int_equal(findings("image", FINDING_PASS, "lock", ""), 1);
	assert_int_equal(image_open(AT_FDCWD, "image", 0, &image, &reason), 0);
	assert_int_equal(findings("image", FINDING_WARN, "lock", "for writing"), 1);
	image_close(&image);
	assert_int_equal(image_open(AT_FDCWD, "image", IMAGE_READ_ONLY, &image, &reason), 0);
	assert_int_equal(findings("image", FINDING_PASS, "lock", ""), 1);
	image_close(&image);
}

static void test_refused(void **state)
{
	struct wanted wanted = {.id = "", .words = ""};
	const char *reason = NULL;

	assert_int_equal(doctor_examine("missing", wanted_count, &wanted, &reason), -ENOENT);
	assert_int_equal(doctor_examine(".", wanted_count, &wanted, &reason), -EISDIR);
	assert_non_null(reason);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(doctor_examine("fifo", wanted_count, &wanted, &reason), -EINVAL);
	assert_non_null(reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_extents),
		SCRATCH_TEST(test_lock),
		SCRATCH_TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
