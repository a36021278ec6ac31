// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>

#include "util/macros.h"
#include "util/size.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} cases[] = {
		{"0", 0, 0},
		{"1023", 0, 1023},
		{"64K", 0, 65536},
		{"1M", 0, 1048576},
		{"10G", 0, 10737418240},
		{"2T", 0, 2199023255552},
		{"9223372036854775807", 0, INT64_MAX},
		{"9223372036854775808", -ERANGE, 0},
		{"8388608T", -ERANGE, 0},
		{"99999999999999999999999", -ERANGE, 0},
		{"", -EINVAL, 0},
		{"K", -EINVAL, 0},
		{"-1", -EINVAL, 0},
		{"+1", -EINVAL, 0},
		{" 1", -EINVAL, 0},
		{"1 ", -EINVAL, 0},
		{"1.5G", -EINVAL, 0},
		{"1k", -EINVAL, 0},
		{"1KB", -EINVAL, 0},
		{"1P", -EINVAL, 0},
		{"0x10", -EINVAL, 0},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		uint64_t bytes = 77;

		assert_int_equal(size_parse(cases[i].text, &bytes), cases[i].result);
		assert_int_equal(bytes, cases[i].result == 0 ? cases[i].bytes : 77);
	}
}

static void test_number(void **state)
{
	uint64_t number = 77;

	assert_int_equal(number_parse("8", 8, &number), 0);
	assert_int_equal(number, 8);
	assert_int_equal(number_parse("9", 8, &number), -ERANGE);
	assert_int_equal(number_parse("1K", 8192, &number), -EINVAL);
	assert_int_equal(number, 8);
}

static void test_format(void **state)
{
	char text[SIZE_TEXT_BYTES];

	assert_string_equal(size_format(0, text), "0 B");
	assert_string_equal(size_format(1023, text), "1023 B");
	assert_string_equal(size_format(1536, text), "1.5 KiB");
	assert_string_equal(size_format(64 * MIB, text), "64 MiB");
	assert_string_equal(size_format(UINT64_MAX, text), "16 EiB");
	assert_string_equal(size_format(2048 * MIB, text), "2 GiB");
	assert_string_equal(size_format(2048 * MIB + 1, text), "2.0 GiB");
	assert_string_equal(size_format_as(1152 * MIB, 128 * MIB, text), "1152 MiB");
	assert_string_equal(size_format_as(0, 128 * MIB, text), "0 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
