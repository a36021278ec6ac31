/* SPDX-License-Identifier: MIT */
/*
 * Keeps writes that touch the same blocks of an image from running at the same time, so that a
 * read-modify-write cannot put back what another write has just replaced; and reads of some
 * encrypted volumes (read.c) from seeing half of one. First come, first served: a range waits for
 * every earlier one that it overlaps, held or waiting, unless both are shared, so none waits for
 * ever.
 *
 * Ranges live in their requests; there are never more of them than requests, a few dozen, so the
 * lock is a list in order of arrival.
 */
#ifndef DATA_RANGE_LOCK_H
#define DATA_RANGE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct range {
	uint64_t start, end; /* bytes; end is not part of it */
	bool shared;         /* a reader: others may read at the same time */
	bool held;
	/* Called when a range that had to wait is held, in the thread that let go. */
	void (*granted)(struct range *range);
	TAILQ_ENTRY(range) link;
};

struct range_lock {
	pthread_mutex_t mutex;
	TAILQ_HEAD(range_list, range) ranges;
};

void range_lock_init(struct range_lock *lock);
void range_lock_destroy(struct range_lock *lock);

/* True: held now. False: `granted` will be called. */
bool range_acquire(struct range_lock *lock, struct range *range);
void range_release(struct range_lock *lock, struct range *range);

#endif
