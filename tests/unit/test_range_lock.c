// SPDX-License-Identifier: MIT
#include "scratch.h"

#include "data/range_lock.h"
#include "util/macros.h"

static unsigned grants;

static void granted(struct range *range)
{
	grants++;
}

static struct range range_of(uint64_t start, uint64_t end)
{
	return (struct range){.start = start, .end = end, .granted = granted};
}

static int setup(void **state)
{
	static struct range_lock lock;

	range_lock_init(&lock);
	grants = 0;
	*state = &lock;
	return 0;
}

static int teardown(void **state)
{
	range_lock_destroy(*state);
	return 0;
}

static void test_neighbours_do_not_wait(void **state)
{
	struct range a = range_of(0, 512), b = range_of(512, 1024);

	assert_true(range_acquire(*state, &a));
	assert_true(range_acquire(*state, &b));
	range_release(*state, &a);
	range_release(*state, &b);
	assert_int_equal(grants, 0);
}

static void test_overlap_waits(void **state)
{
	struct range a = range_of(0, 513), b = range_of(512, 1024);

	assert_true(range_acquire(*state, &a));
	assert_false(range_acquire(*state, &b));
	range_release(*state, &a);
	assert_int_equal(grants, 1);
	assert_true(b.held);
	range_release(*state, &b);
}

/* c overlaps only b, which waits for a: c may not overtake b, or b could wait for ever. */
static void test_first_come_first_served(void **state)
{
	struct range a = range_of(0, 10), b = range_of(5, 20), c = range_of(15, 30);

	assert_true(range_acquire(*state, &a));
	assert_false(range_acquire(*state, &b));
	assert_false(range_acquire(*state, &c));
	range_release(*state, &a);
	assert_true(b.held);
	assert_false(c.held);
	range_release(*state, &b);
	assert_true(c.held);
	range_release(*state, &c);
	assert_int_equal(grants, 2);
}

static void test_one_release_grants_several(void **state)
{
	struct range all = range_of(0, UINT64_MAX), a = range_of(0, 1), b = range_of(1, 2);

	assert_true(range_acquire(*state, &all));
	assert_false(range_acquire(*state, &a));
	assert_false(range_acquire(*state, &b));
	range_release(*state, &all);
	assert_int_equal(grants, 2);
	range_release(*state, &a);
	range_release(*state, &b);
}

/* Ends after all that was before it are gone, in whatever order they go. */
static void test_waits_for_every_earlier_one(void **state)
{
	struct range a = range_of(0, 10), b = range_of(10, 20), all = range_of(0, 20);

	assert_true(range_acquire(*state, &a));
	assert_true(range_acquire(*state, &b));
	assert_false(range_acquire(*state, &all));
	range_release(*state, &b);
	assert_false(all.held);
	range_release(*state, &a);
	assert_true(all.held);
	range_release(*state, &all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_neighbours_do_not_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overlap_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_come_first_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_release_grants_several, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_every_earlier_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
