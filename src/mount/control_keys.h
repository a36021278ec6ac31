/* SPDX-License-Identifier: MIT */
/* The words of control.h that give volumes their keys and take them away, in the daemon. */
#ifndef MOUNT_CONTROL_KEYS_H
#define MOUNT_CONTROL_KEYS_H

#include <stdbool.h>

struct control;

void control_keys_start(struct control *control);
/* Ends those that are still unlocking. */
void control_keys_stop(struct control *control);

/* Whether `word` is one of them; then `client` is taken over, and will be answered. */
bool control_keys_answer(struct control *control, int client, const char *word);

#endif
