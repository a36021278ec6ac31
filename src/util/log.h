/* SPDX-License-Identifier: MIT */
/*
 * One line for the user or the journal. Commands and a foreground daemon write to standard error;
 * a daemon in the background writes to syslog(3), which the journal collects. Never called on the
 * way of a request, except for the first failure of a volume.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

enum log_target {
	LOG_TARGET_STDERR,
	LOG_TARGET_SYSLOG,
};

/* Priorities are syslog(3)'s: LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
void log_to(enum log_target target);

/* Lines less urgent than `priority` are not written. LOG_INFO until said otherwise. */
void log_limit(int priority);

void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * For threads that must not wait for whoever reads the log, which may lie on what they serve: from
 * now on the lines of the calling thread are kept until log_drain(), the oldest LOG_KEPT of them;
 * log_fd() is readable when there are some, or negative errno before log_keep_init().
 */
enum {
	LOG_KEPT = 64
};
int log_keep_init(void);
void log_keep(void);
int log_fd(void);
void log_drain(void);

#define log_error(...)   log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)

#include <syslog.h>

#endif
