/* SPDX-License-Identifier: MIT */
/*
 * How lanes wait for the next request, and where: a way that is found by trying. None is the best
 * for every load. A client with one request at a time is served soonest by a lane on its own CPU
 * that does not sleep; one with many, by a lane on another CPU; four of them on two CPUs, by lanes
 * that stay where the requests come from (docs/data-path.md has the figures).
 *
 * So while there is much to do, each way gets a few milliseconds, and the one that served most is
 * kept for a while. With little to do there is nothing to gain: lanes sleep, wherever they are.
 */
#ifndef DATA_PACE_H
#define DATA_PACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* From the cheapest to the dearest; a dearer one is taken only if it serves clearly more. */
enum {
	PACE_AWAY = 0, /* sleeps, on another CPU than the requests come from */
	PACE_STAY = 1, /* flag: on that same CPU */
	PACE_SPIN = 2, /* flag: looks at the ring again and again before it sleeps */
	PACE_WAYS = 4,
	PACE_REST = 4, /* sleeps, wherever the kernel puts it */
};

enum pace_phase {
	PACE_RESTING,  /* too little to do */
	PACE_SETTLING, /* a way is to be tried, and lanes still move: nothing counts yet */
	PACE_TRYING,   /* a way is measured */
	PACE_HOLDING,  /* the best is kept */
};

struct pace {
	_Atomic unsigned way;      /* what lanes do now: flags */
	_Atomic uint64_t until_ns; /* CLOCK_MONOTONIC; then pace_step() is due */
	atomic_flag stepping;      /* a lane is in it, and has what follows for itself */
	bool can_stay;             /* it is known where requests come from */
	enum pace_phase phase;
	uint64_t since_ns; /* when the phase began, and how many requests had been served */
	uint64_t since_served;
	uint64_t rates[PACE_WAYS]; /* requests a second, as far as is known */
	bool anew;                 /* the load is another one: what was known is not true */
	unsigned best;             /* way */
	unsigned drops;            /* how often the best was not, since the last trials */
	uint64_t hold_since_ns;    /* the last trials */
	uint64_t hold_ns;          /* how long they hold */
};

void pace_init(struct pace *pace, bool can_stay);

/* Whether it is time for pace_step(). Asked in every turn of every lane. */
static inline bool pace_due(const struct pace *pace, uint64_t now_ns)
{
	return now_ns >= atomic_load_explicit(&pace->until_ns, memory_order_relaxed);
}

/*
 * One step, by whichever lane comes first; nothing if another is at it. `served`: requests of all
 * lanes since the mount.
 */
void pace_step(struct pace *pace, uint64_t now_ns, uint64_t served);

#endif
