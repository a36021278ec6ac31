// SPDX-License-Identifier: MIT
#include "util/size.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The digits at *text as a number; *text moves behind them. */
static int digits_parse(const char **text, uint64_t *ret_number)
{
	const char *at = *text;
	uint64_t number = 0;

	if (*at < '0' || *at > '9')
		return -EINVAL;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
			return -ERANGE;
	}
	*text = at;
	*ret_number = number;
	return 0;
}

int size_parse(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	uint64_t bytes;
	int r = digits_parse(&text, &bytes);

	if (r < 0)
		return r;
	if (*text) {
		const char *unit = strchr(units, *text);
		unsigned shift;

		if (!unit || text[1])
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
		if (bytes > (uint64_t)INT64_MAX >> shift)
			return -ERANGE;
		bytes <<= shift;
	}
	if (bytes > INT64_MAX)
		return -ERANGE;
	*ret_bytes = bytes;
	return 0;
}

int number_parse(const char *text, uint64_t limit, uint64_t *ret_number)
{
	uint64_t number;
	int r = digits_parse(&text, &number);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	if (number > limit)
		return -ERANGE;
	*ret_number = number;
	return 0;
}

static unsigned unit_of(uint64_t bytes)
{
	unsigned unit = 0;

	for (; bytes >= 1024; bytes >>= 10)
		unit++;
	return unit;
}

char *size_format_as(uint64_t bytes, uint64_t like_bytes, char text[SIZE_TEXT_BYTES])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = unit_of(like_bytes);
	double value = (double)bytes / (double)(UINT64_C(1) << (10 * unit));
	bool exact = value >= 10 || bytes % (UINT64_C(1) << (10 * unit)) == 0;

	snprintf(text, SIZE_TEXT_BYTES, exact ? "%.0f %s" : "%.1f %s", value, units[unit]);
	return text;
}

char *size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
	return size_format_as(bytes, bytes, text);
}
