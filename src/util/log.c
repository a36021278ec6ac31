// SPDX-License-Identifier: MIT
#include "util/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/text.h"

enum {
	LINE_BYTES = 512
};

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

static void log_write(int priority, const char *text)
{
	if (log_target == LOG_TARGET_SYSLOG)
		syslog(priority, "%s", text);
	else
		log_stderr(priority, text);
}

/* Lines of threads that must not wait. */
static pthread_mutex_t kept_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
	int priority;
	char text[LINE_BYTES];
} kept[LOG_KEPT];
static unsigned kept_count;
static int kept_fd = -1;
static __thread bool keeping;

int log_keep_init(void)
{
	kept_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return kept_fd < 0 ? -errno : 0;
}

void log_keep(void)
{
	keeping = true;
}

int log_fd(void)
{
	return kept_fd;
}

static void log_put(int priority, const char *text)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&kept_mutex);
	if (kept_count < LOG_KEPT) {
		kept[kept_count].priority = priority;
		memcpy(kept[kept_count].text, text, strlen(text) + 1);
		kept_count++;
	}
	pthread_mutex_unlock(&kept_mutex);
	/* Fails only if it is readable anyway. */
	if (write(kept_fd, &one, sizeof(one)) < 0)
		return;
}

/* One line at a time, so that nobody waits for the mutex while it is written. */
static bool log_take(int *ret_priority, char text[LINE_BYTES])
{
	bool taken;

	pthread_mutex_lock(&kept_mutex);
	taken = kept_count > 0;
	if (taken) {
		*ret_priority = kept[0].priority;
		memcpy(text, kept[0].text, LINE_BYTES);
		memmove(&kept[0], &kept[1], --kept_count * sizeof(kept[0]));
	}
	pthread_mutex_unlock(&kept_mutex);
	return taken;
}

void log_drain(void)
{
	char text[LINE_BYTES];
	uint64_t count;
	int priority;

	if (read(kept_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	while (log_take(&priority, text))
		log_write(priority, text);
}

void log_line(int priority, const char *format, ...)
{
	char text[LINE_BYTES];
	va_list arguments;

	if (priority > log_least_urgent)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	text_tame(text);
	if (keeping && kept_fd >= 0)
		log_put(priority, text);
	else
		log_write(priority, text);
}
