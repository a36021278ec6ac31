/* SPDX-License-Identifier: MIT */
/* The words of control.h for an image that becomes longer while it is served, in the daemon. */
#ifndef MOUNT_CONTROL_GROWTH_H
#define MOUNT_CONTROL_GROWTH_H

#include <stdbool.h>

struct control;

void control_growth_start(struct control *control);
/* Has what grows cut back, and lets nothing grow any more; _stop() also waits for that. */
void control_growth_cancel(struct control *control);
void control_growth_stop(struct control *control);

/* Whether `word` is one of them; then `client` is taken over, and will be answered. */
bool control_growth_answer(struct control *control, int client, const char *word);

#endif
