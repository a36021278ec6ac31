// SPDX-License-Identifier: MIT
#include "data/pace.h"

#include "util/macros.h"

#define MS_NS UINT64_C(1000000)

#define REST_NS      (4 * MS_NS)   /* how often it is asked whether there is much to do */
#define SETTLE_NS    (2 * MS_NS)   /* until lanes and clients have moved */
#define TRY_NS       (10 * MS_NS)  /* some hundred requests */
#define LOOK_NS      (25 * MS_NS)  /* how often the best is looked at */
#define CHANGE_NS    (100 * MS_NS) /* how soon a change of the load starts new trials */
#define HOLD_NS      (250 * MS_NS) /* how soon they start anyway; longer if the same wins again */
#define HOLD_MOST_NS (4000 * MS_NS)

enum {
	WORTH_RATE = 4000,  /* requests a second from which on the time of a wake-up matters */
	DEARER_PERCENT = 8, /* what a dearer way must serve more */
	CHANGE_PERCENT = 40 /* what a load changes by, if it is another one */
};

void pace_init(struct pace *pace, bool can_stay)
{
	*pace = (struct pace){
		.stepping = ATOMIC_FLAG_INIT,
		.can_stay = can_stay,
		.way = PACE_REST,
		.hold_ns = HOLD_NS,
	};
}

static void phase_begin(struct pace *pace, enum pace_phase phase, unsigned way, uint64_t length_ns,
			uint64_t now_ns, uint64_t served)
{
	pace->phase = phase;
	pace->since_ns = now_ns;
	pace->since_served = served;
	atomic_store_explicit(&pace->way, way, memory_order_relaxed);
	atomic_store_explicit(&pace->until_ns, now_ns + length_ns, memory_order_relaxed);
}

static uint64_t phase_rate(const struct pace *pace, uint64_t now_ns, uint64_t served)
{
	return (served - pace->since_served) * 1000 * MS_NS / max_u64(now_ns - pace->since_ns, 1);
}

static void rest(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	pace->hold_ns = HOLD_NS;
	phase_begin(pace, PACE_RESTING, PACE_REST, REST_NS, now_ns, served);
}

static void try_way(struct pace *pace, unsigned way, uint64_t now_ns, uint64_t served)
{
	phase_begin(pace, PACE_SETTLING, way, SETTLE_NS, now_ns, served);
}

static unsigned next_way(const struct pace *pace, unsigned way)
{
	way++;
	return way & PACE_STAY && !pace->can_stay ? way + 1 : way;
}

static unsigned best_way(const struct pace *pace)
{
	unsigned best = PACE_AWAY;

	for (unsigned way = next_way(pace, best); way < PACE_WAYS; way = next_way(pace, way))
		if (pace->rates[way] * 100 > pace->rates[best] * (100 + DEARER_PERCENT))
			best = way;
	return best;
}

static void hold(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	pace->best = best_way(pace);
	phase_begin(pace, PACE_HOLDING, pace->best, LOOK_NS, now_ns, served);
}

static void trials_begin(struct pace *pace, bool anew, uint64_t now_ns, uint64_t served)
{
	pace->anew = anew;
	try_way(pace, PACE_AWAY, now_ns, served);
}

static void trials_end(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	unsigned before = pace->best;

	hold(pace, now_ns, served);
	pace->hold_since_ns = now_ns;
	pace->drops = 0;
	pace->hold_ns = !pace->anew && pace->best == before
				? min_u64(2 * pace->hold_ns, HOLD_MOST_NS)
				: HOLD_NS;
}

/*
 * Where client and lanes are, outlives a change of the way for some time: a trial can profit from
 * the one before. What was seen before counts, therefore, as long as the load is the same.
 */
static void rate_learn(struct pace *pace, uint64_t rate)
{
	uint64_t *known = &pace->rates[pace->way];

	*known = pace->anew ? rate : (3 * *known + rate) / 4;
}

static void tried(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	uint64_t rate = phase_rate(pace, now_ns, served);
	unsigned next = next_way(pace, pace->way);

	rate_learn(pace, rate);
	if (rate < WORTH_RATE / 2)
		rest(pace, now_ns, served);
	else if (next < PACE_WAYS)
		try_way(pace, next, now_ns, served);
	else
		trials_end(pace, now_ns, served);
}

static bool fell(uint64_t before, uint64_t rate)
{
	return rate * 100 < before * (100 - CHANGE_PERCENT);
}

/*
 * A way that serves much less than in its trial was lucky there, and the next best has its turn. If
 * that one does too, or if more is served than was thought possible, then the load is another one.
 */
static void held(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	uint64_t rate = phase_rate(pace, now_ns, served), before = pace->rates[pace->best];
	uint64_t held_ns = now_ns - pace->hold_since_ns;

	pace->anew = fell(before, rate);
	rate_learn(pace, rate);
	pace->drops += pace->anew;
	if (rate < WORTH_RATE / 2)
		rest(pace, now_ns, served);
	else if (held_ns >= CHANGE_NS && (pace->drops > 1 || fell(rate, before)))
		trials_begin(pace, true, now_ns, served);
	else if (held_ns >= pace->hold_ns)
		trials_begin(pace, false, now_ns, served);
	else
		hold(pace, now_ns, served);
}

static void rested(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	if (phase_rate(pace, now_ns, served) >= WORTH_RATE)
		trials_begin(pace, true, now_ns, served);
	else
		rest(pace, now_ns, served);
}

static void step(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	switch (pace->phase) {
	case PACE_RESTING:
		rested(pace, now_ns, served);
		break;
	case PACE_SETTLING:
		phase_begin(pace, PACE_TRYING, pace->way, TRY_NS, now_ns, served);
		break;
	case PACE_TRYING:
		tried(pace, now_ns, served);
		break;
	case PACE_HOLDING:
		held(pace, now_ns, served);
		break;
	}
}

void pace_step(struct pace *pace, uint64_t now_ns, uint64_t served)
{
	if (atomic_flag_test_and_set(&pace->stepping))
		return;
	/* Another lane may have been in here since the caller looked. */
	if (pace_due(pace, now_ns))
		step(pace, now_ns, served);
	atomic_flag_clear(&pace->stepping);
}
