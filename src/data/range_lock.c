// SPDX-License-Identifier: MIT
#include "data/range_lock.h"

#include <stddef.h>

void range_lock_init(struct range_lock *lock)
{
	pthread_mutex_init(&lock->mutex, NULL);
	TAILQ_INIT(&lock->ranges);
}

void range_lock_destroy(struct range_lock *lock)
{
	pthread_mutex_destroy(&lock->mutex);
}

static bool conflict(const struct range *a, const struct range *b)
{
	return a->start < b->end && b->start < a->end && !(a->shared && b->shared);
}

/* Whether one that came earlier is in the way. */
static bool must_wait(const struct range_lock *lock, const struct range *range)
{
	const struct range *earlier;

	TAILQ_FOREACH(earlier, &lock->ranges, link)
	{
		if (earlier == range)
			break;
		if (conflict(earlier, range))
			return true;
	}
	return false;
}

bool range_acquire(struct range_lock *lock, struct range *range)
{
	bool held;

	pthread_mutex_lock(&lock->mutex);
	TAILQ_INSERT_TAIL(&lock->ranges, range, link);
	/* In a variable: once the mutex is free, the range may be granted and gone. */
	held = range->held = !must_wait(lock, range);
	pthread_mutex_unlock(&lock->mutex);
	return held;
}

void range_release(struct range_lock *lock, struct range *range)
{
	struct range *waiting;

	pthread_mutex_lock(&lock->mutex);
	waiting = TAILQ_NEXT(range, link);
	TAILQ_REMOVE(&lock->ranges, range, link);
	for (; waiting; waiting = TAILQ_NEXT(waiting, link)) {
		if (waiting->held || !conflict(waiting, range) || must_wait(lock, waiting))
			continue;
		waiting->held = true;
		waiting->granted(waiting);
	}
	pthread_mutex_unlock(&lock->mutex);
}
