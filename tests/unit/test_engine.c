// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>

#include "data/engine.h"
#include "data/histogram.h"

static char bytes[4096];

static struct io io_of(enum io_kind kind)
{
	return (struct io){.kind = kind, .offset = 100, .iov_count = 1, .iov = {{bytes, 4096}}};
}

static void test_short_write_goes_on(void **state)
{
	struct io io = io_of(IO_WRITE);
	struct iovec rest;
	uint64_t offset;
	int64_t result = 0;

	assert_false(io_advance(&io, 1000, &result));
	rest = io_remaining(&io, &offset);
	assert_ptr_equal(rest.iov_base, bytes + 1000);
	assert_int_equal(rest.iov_len, 3096);
	assert_int_equal(offset, 1100);
	assert_true(io_advance(&io, 3096, &result));
	assert_int_equal(result, 4096);
}

static void test_write_of_nothing_is_an_error(void **state)
{
	struct io io = io_of(IO_WRITE);
	int64_t result = 0;

	assert_true(io_advance(&io, 0, &result));
	assert_int_equal(result, -EIO);
}

/* After a part was written, a full disk is an error all the same, never a short write. */
static void test_error_after_a_part(void **state)
{
	struct io io = io_of(IO_WRITE);
	int64_t result = 0;

	assert_false(io_advance(&io, 512, &result));
	assert_true(io_advance(&io, -ENOSPC, &result));
	assert_int_equal(result, -ENOSPC);
}

static void test_read_ends_with_the_file(void **state)
{
	struct io io = io_of(IO_READ);
	int64_t result = 0;

	assert_false(io_advance(&io, 512, &result));
	assert_true(io_advance(&io, 0, &result));
	assert_int_equal(result, 512);
}

static void test_interrupted_is_asked_again(void **state)
{
	struct io flush = io_of(IO_FLUSH), receive = io_of(IO_RECEIVE);
	int64_t result = 0;

	assert_false(io_advance(&flush, -EINTR, &result));
	assert_false(io_advance(&flush, -EAGAIN, &result));
	assert_true(io_advance(&flush, -EIO, &result));
	assert_int_equal(result, -EIO);
	/* There is no request: the transport decides when to ask again. */
	assert_true(io_advance(&receive, -EAGAIN, &result));
	assert_int_equal(result, -EAGAIN);
}

static void test_percentiles(void **state)
{
	static struct histogram histogram;
	uint64_t median, most;

	assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
	for (uint64_t i = 1; i <= 1000; i++)
		histogram_add(&histogram, i * 1000);
	median = histogram_percentile(&histogram, 0.5);
	most = histogram_percentile(&histogram, 0.999);
	assert_in_range(median, 500000, 500000 * 9 / 8);
	assert_in_range(most, 999000, 999000 * 9 / 8);
	histogram_add(&histogram, UINT64_MAX);
	assert_true(histogram_percentile(&histogram, 1) > 1ull << 39);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_write_goes_on),
		cmocka_unit_test(test_write_of_nothing_is_an_error),
		cmocka_unit_test(test_error_after_a_part),
		cmocka_unit_test(test_read_ends_with_the_file),
		cmocka_unit_test(test_interrupted_is_asked_again),
		cmocka_unit_test(test_percentiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
