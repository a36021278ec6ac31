/* SPDX-License-Identifier: MIT */
/* Errors that need more words than an errno has. */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

/* The reason as *ret_error, to be freed; NULL without memory for it. Returns `error`. */
int error_set(char **ret_error, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
