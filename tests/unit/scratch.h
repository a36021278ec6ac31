/* SPDX-License-Identifier: MIT */
/* A folder for one test, and files with known bytes in it. */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

/* Setup and teardown of a test: the working folder is an empty one of /var/tmp (or $TMPDIR). */
int scratch_enter(void **state);
int scratch_leave(void **state);

#define SCRATCH_TEST(function)                                                                     \
	cmocka_unit_test_setup_teardown(function, scratch_enter, scratch_leave)

/* The byte at an offset: never 0, and not periodic in any block size. */
unsigned char pattern_byte(uint64_t offset);

/* Makes a file of these bytes, in place of what was there. */
void file_write(const char *path, const void *bytes, size_t length);

/* Makes a file of `size` bytes, all hole. */
void file_make(const char *path, uint64_t size);
void file_write_pattern(const char *path, uint64_t offset, uint64_t length);
void file_allocate(const char *path, uint64_t offset, uint64_t length);

/* The whole file through the page cache; the caller frees it. */
unsigned char *file_read(const char *path, uint64_t *ret_size);

/* Skips the test unless files here have FIEMAP, unwritten extents and direct I/O. */
void need_extents(void);

/* The number of names in the working folder. */
unsigned names_count(void);

/* Starts a program found in PATH, silent; -1 if it is not there. */
pid_t program_start(char *const argv[]);

/* Its exit code, or 128 + signal. */
int program_wait(pid_t pid);

/* Both, for a line of words separated by single spaces; -1 if it is not there. */
int program_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Hexadecimal digits to bytes; how many. */
size_t unhex(const char *text, uint8_t *bytes);

#endif
