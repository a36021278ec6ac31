// SPDX-License-Identifier: MIT
#include "util/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "util/macros.h"
#include "util/size.h"

#define SECOND_NS   1000000000ull
#define INTERVAL_NS (SECOND_NS / 10)

enum {
	WIDTH_DEFAULT = 80,
	WIDTH_MAX = 160,
	BAR_MIN = 8, /* a shorter bar says nothing */
	BAR_MAX = 60,
	NUMBERS_BYTES = 96,
};

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

static int terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_DEFAULT;
	return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
}

/*
 * Copies at most `columns` characters of UTF-8; returns how many columns they take. A file name may
 * hold anything, also what a terminal would obey.
 */
static int label_format(const char *what, int columns, char *text, size_t text_bytes)
{
	size_t at = 0;
	int used = 0;

	for (; *what && at + 1 < text_bytes; what++) {
		unsigned char c = (unsigned char)*what;

		if ((c & 0xc0) != 0x80 && used++ == columns) {
			used--;
			break;
		}
		text[at++] = c < 0x20 || c == 0x7f ? '?' : *what;
	}
	text[at] = 0;
	return used;
}

static void eta_format(uint64_t seconds, char *text, size_t bytes)
{
	if (seconds >= 3600)
		snprintf(text, bytes, "%u:%02u:%02u left", (unsigned)(seconds / 3600),
			 (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
	else
		snprintf(text, bytes, "%u:%02u left", (unsigned)(seconds / 60),
			 (unsigned)(seconds % 60));
}

/* " 42%  1.3 GiB/s  0:07 left"; only what this run did counts for the rate. */
static void numbers_format(const struct progress *progress, uint64_t done, double seconds,
			   char text[NUMBERS_BYTES])
{
	uint64_t here = done > progress->resumed_bytes ? done - progress->resumed_bytes : 0;
	double rate = seconds > 0 ? (double)here / seconds : 0;
	unsigned percent = (unsigned)(100.0 * (double)done / (double)progress->total_bytes);
	char rate_text[SIZE_TEXT_BYTES];
	char eta[32] = "";

	if (rate >= 1)
		eta_format(min_u64((uint64_t)((double)(progress->total_bytes - done) / rate),
				   999 * 3600),
			   eta, sizeof(eta));
	snprintf(text, NUMBERS_BYTES, "%3u%%  %s/s  %s", percent,
		 size_format((uint64_t)rate, rate_text), eta);
}

static int bar_width(int width, int label, int numbers)
{
	int room = width - 1 - label - numbers - 5; /* two brackets, three spaces */

	if (room > BAR_MAX)
		room = BAR_MAX;
	return room < BAR_MIN ? 0 : room;
}

static void progress_draw(const struct progress *progress, uint64_t done, uint64_t now)
{
	static const char full[BAR_MAX + 1] =
		"############################################################";
	char numbers[NUMBERS_BYTES];
	char label[4 * WIDTH_MAX];
	int width = terminal_width();
	int label_columns, bar, filled;

	numbers_format(progress, done, (double)(now - progress->started_ns) / (double)SECOND_NS,
		       numbers);
	label_columns = label_format(progress->what, width / 3, label, sizeof(label));
	bar = bar_width(width, label_columns, (int)strlen(numbers));
	filled = (int)((double)bar * ((double)done / (double)progress->total_bytes));
	if (bar > 0)
		fprintf(stderr, "\r%s [%.*s%*s] %s\033[K", label, filled, full, bar - filled, "",
			numbers);
	else
		fprintf(stderr, "\r%.*s\033[K", width - 1, numbers);
	fflush(stderr);
}

void progress_start(struct progress *progress, const char *what, uint64_t total_bytes,
		    uint64_t resumed_bytes)
{
	*progress = (struct progress){
		.what = what,
		.total_bytes = max_u64(total_bytes, 1),
		.resumed_bytes = resumed_bytes,
		.started_ns = clock_ns(),
		.terminal = isatty(STDERR_FILENO),
	};
}

void progress_update(struct progress *progress, uint64_t done_bytes)
{
	uint64_t now;

	if (!progress->terminal)
		return;
	now = clock_ns();
	if (now - progress->drawn_ns < INTERVAL_NS)
		return;
	progress->drawn_ns = now;
	progress_draw(progress, min_u64(done_bytes, progress->total_bytes), now);
}

void progress_finish(struct progress *progress)
{
	if (progress->terminal && progress->drawn_ns)
		fputs("\r\033[K", stderr);
}
