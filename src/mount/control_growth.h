/* SPDX-License-Identifier: MIT */
/* The words of control.h for an image that becomes longer while it is served, in the daemon. */
#ifndef MOUNT_CONTROL_GROWTH_H
#define MOUNT_CONTROL_GROWTH_H

#include <stdbool.h>

struct control;

/* Whether `word` is one of them; then `client` has been answered, and closed. */
bool control_growth_answer(struct control *control, int client, const char *word);

#endif
