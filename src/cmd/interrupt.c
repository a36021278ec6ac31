// SPDX-License-Identifier: MIT
#include "cmd/interrupt.h"

#include <stddef.h>

#include "util/macros.h"

static volatile sig_atomic_t interrupted;

static void interrupt_note(int signal_number)
{
	interrupted = signal_number;
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

const volatile sig_atomic_t *interrupt_watch(void)
{
	/* Without SA_RESTART: a long fallocate(2) is to end with EINTR. */
	struct sigaction action = {.sa_handler = interrupt_note};

	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		sigaction(signals[i], &action, NULL);
	/* A limit on file sizes is an error like others, not the end. */
	signal(SIGXFSZ, SIG_IGN);
	return &interrupted;
}

void interrupt_forget(void)
{
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		signal(signals[i], SIG_DFL);
}
