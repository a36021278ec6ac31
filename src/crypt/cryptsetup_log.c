// SPDX-License-Identifier: MIT
#include "crypt/cryptsetup_log.h"

#include <libcryptsetup.h>
#include <stdbool.h>
#include <string.h>

#include "crypt/reason.h"

/* A reason is no sentence of its own. */
static void line_end(char *line)
{
	char *end = line + strcspn(line, "\n");

	if (end > line && end[-1] == '.')
		end--;
	*end = 0;
}

/* The user knows nothing of a copy in memory: to him it is the image. */
static void line_translate(char *line)
{
	static const char prefix[] = "evice /proc/self/fd/";
	static const char image[] = "he image";
	char *found = strstr(line, prefix), *end;

	line_end(line);
	if (!found || found == line)
		return;
	end = found + strlen(prefix);
	end += strspn(end, "0123456789");
	found[-1] = found[-1] == 'D' ? 'T' : 't';
	memcpy(found, image, strlen(image));
	memmove(found + strlen(image), end, strlen(end) + 1);
}

/*
 * Ciphers that libcryptsetup's own library has not, it asks the kernel for, then device-mapper; the
 * error is that of the last attempt, which misleads.
 */
static bool is_about_kernel(const char *line)
{
	return strstr(line, "device-mapper") || strstr(line, "dm-crypt key mapping") ||
	       strstr(line, "kernel crypto interface");
}

static void line_keep(int level, const char *text, void *reason)
{
	if (level != CRYPT_LOG_ERROR || *(char *)reason)
		return;
	reason_set(reason, 0, "%s",
		   is_about_kernel(text) ? "libcryptsetup cannot do the cipher of its header "
					   "without the kernel's AF_ALG "
					   "(modprobe algif_skcipher)"
					 : text);
	line_translate(reason);
}

void cryptsetup_log_to(char reason[UNLOCK_REASON_BYTES])
{
	crypt_set_log_callback(NULL, line_keep, reason);
}
