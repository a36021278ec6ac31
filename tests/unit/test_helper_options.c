// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <string.h>

#include "mount/helper_options.h"
#include "util/macros.h"

/* Who gets what of a line of fstab. */
static void test_split(void **state)
{
	static const struct {
		const char *list, *daemon, *filesystem;
	} cases[] = {
		{"", "rw", "rw"},
		{"rw,noatime", "rw", "noatime,rw"},
		{"ro,noatime", "ro", "noatime,ro"},
		{"ro,rw", "rw", "rw"},
		{"read-only", "ro", "ro"},
		{"fstype=ext4,fsck,keyfile=/k,data=journal", "keyfile=/k,rw", "data=journal,rw"},
		{"discard", "rw", "discard,rw"},
		{"discard=async", "rw", "discard=async,rw"},
		{"discard=zero,discard", "discard=zero,rw", "discard,rw"},
		{"lanes=2,table=/t,noauto,nofail", "lanes=2,table=/t,rw", "noauto,nofail,rw"},
		{"keyfile=\"/a,b\",context=\"x:c0,c1\"", "keyfile=\"/a,b\",rw",
		 "context=\"x:c0,c1\",rw"},
		{"keyfile=/a\\,b,sync", "keyfile=/a\\,b,rw", "sync,rw"},
		{"cipher=capi:adiantum(xchacha12,aes)-plain64,sync",
		 "cipher=capi:adiantum(xchacha12,aes)-plain64,rw", "sync,rw"},
		{",,sync,,", "rw", "sync,rw"},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct helper_options options;
		char *error;

		assert_int_equal(helper_options_parse(cases[i].list, &options, &error), 0);
		assert_string_equal(options.daemon, cases[i].daemon);
		assert_string_equal(options.filesystem, cases[i].filesystem);
		helper_options_destroy(&options);
	}
}

static void test_own(void **state)
{
	struct helper_options options;
	char *error;

	assert_int_equal(
		helper_options_parse("fstype=xfs,fsck,nofail,remount,ro", &options, &error), 0);
	assert_string_equal(options.type, "xfs");
	assert_true(options.check && options.nofail && options.remount && options.read_only);
	helper_options_destroy(&options);
	assert_int_equal(helper_options_parse("rw", &options, &error), 0);
	assert_null(options.type);
	assert_false(options.check || options.nofail || options.remount || options.read_only);
	helper_options_destroy(&options);
}

static void test_refused(void **state)
{
	struct helper_options options;
	char *error;

	assert_int_equal(helper_options_parse("sync,fstype=", &options, &error), -EINVAL);
	assert_non_null(strstr(error, "fstype="));
	free(error);
	helper_options_destroy(&options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
