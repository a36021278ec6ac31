// SPDX-License-Identifier: MIT
#include "crypt/reason.h"

#include <stdarg.h>
#include <stdio.h>

#include "util/text.h"

int reason_set(char reason[UNLOCK_REASON_BYTES], int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, UNLOCK_REASON_BYTES, format, arguments);
	va_end(arguments);
	/* Names in a header are whatever somebody has written there. */
	text_tame(reason);
	return error;
}
