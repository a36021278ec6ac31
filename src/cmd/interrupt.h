/* SPDX-License-Identifier: MIT */
/* For commands that run for minutes: they stop where they can, not where the signal finds them. */
#ifndef CMD_INTERRUPT_H
#define CMD_INTERRUPT_H

#include <signal.h>

/* From now on SIGINT, SIGTERM and SIGHUP only make the returned number nonzero. */
const volatile sig_atomic_t *interrupt_watch(void);

/* The next one ends the command again. */
void interrupt_forget(void);

#endif
