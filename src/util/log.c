// SPDX-License-Identifier: MIT
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static enum log_target log_target = LOG_TARGET_STDERR;
static int log_least_urgent = LOG_INFO;

void log_to(enum log_target target)
{
	if (target == LOG_TARGET_SYSLOG)
		openlog("platterfs", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_target = target;
}

void log_limit(int priority)
{
	log_least_urgent = priority;
}

/* Under systemd, standard error is the journal and a leading "<3>" is the priority (sd-daemon(3)).
 */
static void log_stderr(int priority, const char *text)
{
	if (getenv("JOURNAL_STREAM"))
		fprintf(stderr, "<%d>platterfs: %s\n", priority, text);
	else
		fprintf(stderr, "platterfs: %s\n", text);
}

void log_line(int priority, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (priority > log_least_urgent)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (log_target == LOG_TARGET_SYSLOG)
		syslog(priority, "%s", text);
	else
		log_stderr(priority, text);
}
