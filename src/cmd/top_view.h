/* SPDX-License-Identifier: MIT */
/* A sample as people read it, and as programs do. */
#ifndef CMD_TOP_VIEW_H
#define CMD_TOP_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/top_sample.h"

/*
 * A line for each mount, a line for each volume, those with most to do first. Lines are cut to
 * `columns`, and what does not fit into `rows` is counted only; 0: no limit. `emphasis`: the line
 * of titles is shown inverse.
 */
void top_print(FILE *out, const struct sample *sample, unsigned columns, unsigned rows,
	       bool emphasis);

/* One line. */
void top_print_json(FILE *out, const struct sample *sample);

#endif
