/* SPDX-License-Identifier: MIT */
/* Text of others: names of files, headers, what another user's daemon says. */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <ctype.h>

/* Control characters become '?': no line is forged, and no terminal obeys. Returns `text`. */
static inline char *text_tame(char *text)
{
	for (char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	return text;
}

#endif
