/* SPDX-License-Identifier: MIT */
/* What libcryptsetup would print. */
#ifndef CRYPT_CRYPTSETUP_LOG_H
#define CRYPT_CRYPTSETUP_LOG_H

#include "crypt/unlock.h"

/*
 * From now on it prints nothing; its first error becomes the reason if there is none yet: those
 * that follow say only what could not be done then.
 */
void cryptsetup_log_to(char reason[UNLOCK_REASON_BYTES]);

#endif
