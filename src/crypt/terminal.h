/* SPDX-License-Identifier: MIT */
/* Asks at the terminal, without echo. */
#ifndef CRYPT_TERMINAL_H
#define CRYPT_TERMINAL_H

#include <stdbool.h>

#include "crypt/unlock.h"

/* Errors and reason as key_source_read(), whose NULL it is. */
int terminal_ask(const char *prompt, bool twice, struct passphrase *passphrase,
		 char reason[UNLOCK_REASON_BYTES]);

#endif
