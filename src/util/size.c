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

char *size_format(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	unsigned unit = 0;

	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(text, SIZE_TEXT_BYTES, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
		 units[unit]);
	return text;
}
