/* SPDX-License-Identifier: MIT */
/* The terminal as a screen that is drawn anew, and given back as it was. */
#ifndef CMD_SCREEN_H
#define CMD_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum screen_event {
	SCREEN_TIME,   /* the moment has come */
	SCREEN_RESIZE, /* draw again */
	SCREEN_END,    /* q, or a signal that asks to end */
};

/* Whether standard output is a terminal that can do that. */
bool screen_possible(void);

/*
 * Takes the terminal: SIGINT, SIGTERM, SIGHUP, SIGTSTP and SIGWINCH become events. 0 or negative
 * errno. From here to screen_close() nothing else may print.
 */
int screen_open(void);
void screen_close(void);

/* Waits until `until_ns` of CLOCK_MONOTONIC, or for what comes first. */
enum screen_event screen_wait(int64_t until_ns);

void screen_size(unsigned *ret_columns, unsigned *ret_rows);

/* Shows `text`, lines that fit, instead of what was there. */
void screen_draw(const char *text);

#endif
