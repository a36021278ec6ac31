// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <string.h>

#include "data/engine.h"
#include "mount/options.h"
#include "util/macros.h"

static void expect_refused(const char *list, const char *names)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options = {0};

	assert_int_equal(options_parse(&options, list, &error), -EINVAL);
	assert_non_null(error);
	assert_non_null(strstr(error, names));
	options_destroy(&options);
}

static void test_ours(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options = {0};

	assert_int_equal(options_parse(&options,
				       "engine=threads,lanes=3,depth=5,discard=punch,require=mapped,"
				       "start=1M,length=4096,type=raw",
				       &error),
			 0);
	assert_ptr_equal(options.engine, &engine_threads);
	assert_int_equal(options.lanes, 3);
	assert_int_equal(options.depth, 5);
	assert_int_equal(options.volume.discard, DISCARD_PUNCH);
	assert_true(options.volume.require_mapped);
	assert_int_equal(options.volume.start_bytes, 1 << 20);
	assert_int_equal(options.volume.length_bytes, 4096);
	assert_true(options.type_raw);
	assert_null(options.fuse);
	options_destroy(&options);
}

static void test_others_are_passed_on(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options = {0};

	assert_int_equal(options_parse(&options, "allow_other,nosuid,engine=auto", &error), 0);
	assert_int_equal(options_parse(&options, "ro", &error), 0);
	assert_true(options.volume.read_only);
	assert_non_null(strstr(options.fuse, "allow_other"));
	assert_non_null(strstr(options.fuse, "nosuid"));
	assert_null(strstr(options.fuse, "engine"));
	options_destroy(&options);
}

static void test_fstab_words_are_dropped(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options = {0};

	assert_int_equal(options_parse(&options,
				       "defaults,rw,noauto,nofail,_netdev,x-systemd.requires=/srv,"
				       "comment=mine,,",
				       &error),
			 0);
	assert_null(options.fuse);
	options_destroy(&options);
}

static void test_refused(void **state)
{
	expect_refused("nonsense", "nonsense");
	expect_refused("ro,engine=steam", "engine=steam");
	expect_refused("engine", "engine");
	expect_refused("lanes=0", "lanes=0");
	expect_refused("lanes=-1", "lanes=-1");
	expect_refused("depth=99999999", "depth=99999999");
	expect_refused("start=1.5", "start=1.5");
	expect_refused("length=0", "length=0");
	expect_refused("discard=maybe", "discard=maybe");
	expect_refused("allow_other=1", "allow_other=1");
	expect_refused("fsname=x", "fsname=x");
	expect_refused("fd=3", "fd=3");
	/* A name is not a name because it begins like one. */
	expect_refused("lane=1", "lane=1");
	expect_refused("lanesx=1", "lanesx=1");
	/* Not in this version, and said so. */
	expect_refused("cipher=aes-xts-plain64", "encrypted");
	expect_refused("type=luks", "encrypted");
	expect_refused("type=floppy", "type=floppy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_others_are_passed_on),
		cmocka_unit_test(test_fstab_words_are_dropped),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
