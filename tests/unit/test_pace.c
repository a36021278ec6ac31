// SPDX-License-Identifier: MIT
/* A load that serves so many requests a second in each way, and what the pace makes of it. */
#include "scratch.h"

#include <string.h>

#include "data/pace.h"
#include "util/macros.h"

enum {
	TURN_NS = 10000,
	STAY_SPIN = PACE_STAY | PACE_SPIN
};

struct load {
	struct pace pace;
	uint64_t now_ns;
	double served;
	uint64_t rates[PACE_WAYS + 1];
	uint64_t way_ns[PACE_WAYS + 1]; /* how long each was */
	uint64_t lucky_ns;              /* how long PACE_AWAY is as good as the way before it */
	uint64_t slept_ns;
	uint64_t rate_before;
};

static void load_init(struct load *load, bool can_stay, uint64_t sleep, uint64_t stay,
		      uint64_t spin, uint64_t stay_spin)
{
	*load = (struct load){.now_ns = 1000000000,
			      .rates = {sleep, stay, spin, stay_spin, sleep},
			      .rate_before = sleep};
	pace_init(&load->pace, can_stay);
}

static uint64_t load_rate(struct load *load, unsigned way)
{
	uint64_t rate = load->rates[way];

	if (way != PACE_AWAY) {
		load->slept_ns = 0;
		load->rate_before = rate;
	} else if ((load->slept_ns += TURN_NS) < load->lucky_ns) {
		rate = max_u64(rate, load->rate_before);
	}
	return rate;
}

static void load_run(struct load *load, uint64_t ms)
{
	uint64_t end = load->now_ns + ms * 1000000;

	memset(load->way_ns, 0, sizeof(load->way_ns));
	while (load->now_ns < end) {
		unsigned way = load->pace.way;

		load->served += (double)load_rate(load, way) * TURN_NS / 1e9;
		load->way_ns[way] += TURN_NS;
		load->now_ns += TURN_NS;
		if (pace_due(&load->pace, load->now_ns))
			pace_step(&load->pace, load->now_ns, (uint64_t)load->served);
	}
}

static unsigned percent(const struct load *load, unsigned way)
{
	uint64_t all = 0;

	for (unsigned i = 0; i <= PACE_REST; i++)
		all += load->way_ns[i];
	return (unsigned)(load->way_ns[way] * 100 / all);
}

static void test_little_to_do_is_left_alone(void **state)
{
	struct load load;

	load_init(&load, true, 3000, 50000, 50000, 50000);
	load_run(&load, 1000);
	assert_int_equal(percent(&load, PACE_REST), 100);
}

static void test_each_way_can_win(void **state)
{
	for (unsigned best = 0; best < PACE_WAYS; best++) {
		struct load load;

		load_init(&load, true, 50000, 50000, 50000, 50000);
		load.rates[best] = 80000;
		load_run(&load, 300);
		load_run(&load, 10000);
		assert_in_range(percent(&load, best), 95, 100);
	}
}

/* A spin that gains nothing would only take CPU time from others. */
static void test_dearer_must_be_clearly_better(void **state)
{
	struct load load;

	load_init(&load, true, 50000, 51000, 52000, 53000);
	load_run(&load, 10000);
	assert_in_range(percent(&load, PACE_AWAY), 95, 100);
}

static void test_stays_only_where_it_can(void **state)
{
	struct load load;

	load_init(&load, false, 50000, 90000, 60000, 90000);
	load_run(&load, 10000);
	assert_int_equal(percent(&load, PACE_STAY), 0);
	assert_int_equal(percent(&load, STAY_SPIN), 0);
	assert_in_range(percent(&load, PACE_SPIN), 95, 100);
}

/* Seen with one client: in the first milliseconds it still is where the way before had put it. */
static void test_luck_does_not_last(void **state)
{
	struct load load;

	load_init(&load, true, 20000, 70000, 65000, 80000);
	load.lucky_ns = 30000000;
	load_run(&load, 500);
	load_run(&load, 10000);
	assert_in_range(percent(&load, STAY_SPIN), 85, 100);
}

static void test_another_load_is_noticed(void **state)
{
	static const uint64_t deep[] = {290000, 190000, 280000, 185000};
	struct load load;

	load_init(&load, true, 25000, 38000, 65000, 80000);
	load_run(&load, 10000);
	assert_in_range(percent(&load, STAY_SPIN), 90, 100);
	memcpy(load.rates, deep, sizeof(deep));
	load.rates[PACE_REST] = deep[PACE_AWAY];
	load_run(&load, 300);
	load_run(&load, 5000);
	assert_in_range(percent(&load, PACE_AWAY), 90, 100);
	load_init(&load, true, 25000, 38000, 65000, 80000);
	load_run(&load, 300);
	load_run(&load, 5000);
	assert_in_range(percent(&load, STAY_SPIN), 90, 100);
}

/* No turns, and so no steps, while nothing comes: the first step afterwards sees it. */
static void test_rests_after_work(void **state)
{
	struct load load;

	load_init(&load, true, 25000, 38000, 65000, 80000);
	load_run(&load, 2000);
	assert_int_equal(load.pace.way, STAY_SPIN);
	load.now_ns += 60000000000;
	pace_step(&load.pace, load.now_ns, (uint64_t)load.served + 1);
	assert_int_equal(load.pace.way, PACE_REST);
	assert_int_equal(load.pace.phase, PACE_RESTING);
}

static void test_one_at_a_time(void **state)
{
	struct load load;

	load_init(&load, true, 50000, 50000, 50000, 50000);
	atomic_flag_test_and_set(&load.pace.stepping);
	load_run(&load, 1000);
	assert_int_equal(load.pace.until_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_little_to_do_is_left_alone),
		cmocka_unit_test(test_each_way_can_win),
		cmocka_unit_test(test_dearer_must_be_clearly_better),
		cmocka_unit_test(test_stays_only_where_it_can),
		cmocka_unit_test(test_luck_does_not_last),
		cmocka_unit_test(test_another_load_is_noticed),
		cmocka_unit_test(test_rests_after_work),
		cmocka_unit_test(test_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
