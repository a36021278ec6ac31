/* SPDX-License-Identifier: MIT */
/* Reasons that name what they are about. */
#ifndef CRYPT_REASON_H
#define CRYPT_REASON_H

#include "crypt/unlock.h"

/* Writes the reason for the user, and returns `error`. */
int reason_set(char reason[UNLOCK_REASON_BYTES], int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
