// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/screen.h"
#include "cmd/top_sample.h"
#include "cmd/top_view.h"
#include "util/macros.h"

#define INTERVAL_LEAST_SECONDS 0.1
#define INTERVAL_MOST_SECONDS  86400.0

struct top_arguments {
	double interval_seconds;
	const char *interval; /* as it was typed, if it is none */
	bool once, json, help;
	const char *path; /* of one mount; NULL: all */
};

/* 0, or -EINVAL. */
static int interval_parse(const char *text, double *ret_seconds)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !isfinite(seconds) || seconds < INTERVAL_LEAST_SECONDS ||
	    seconds > INTERVAL_MOST_SECONDS)
		return -EINVAL;
	*ret_seconds = seconds;
	return 0;
}

static int top_parse(int argc, char **argv, struct top_arguments *ret_arguments)
{
	static const struct option options[] = {
		{"once", no_argument, NULL, '1'},
		{"interval", required_argument, NULL, 'i'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "1i:h", options, NULL)) != -1) {
		if (option == '?')
			return -EINVAL;
		ret_arguments->once |= option == '1';
		ret_arguments->json |= option == 'j';
		ret_arguments->help |= option == 'h';
		if (option == 'i' && interval_parse(optarg, &ret_arguments->interval_seconds) < 0)
			ret_arguments->interval = optarg;
	}
	if (optind < argc)
		ret_arguments->path = argv[optind];
	return 0;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void draw(const struct sample *sample)
{
	_cleanup_free_ char *text = NULL;
	unsigned columns, rows;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	screen_size(&columns, &rows);
	top_print(out, sample, columns, rows, true);
	fclose(out);
	/* A line feed after the last row would push the first one out. */
	if (text && length > 0)
		text[length - 1] = '\0';
	if (text)
		screen_draw(text);
}

static void print(const struct sample *sample, bool json)
{
	if (json)
		top_print_json(stdout, sample);
	else
		top_print(stdout, sample, 0, 0, false);
	fflush(stdout);
}

/* The next sample in the place of the last one. */
static int sample_again(const char *path, struct sample *sample, const char **ret_reason)
{
	struct sample next;
	int r = sample_take(path, sample, &next, ret_reason);

	if (r < 0)
		return r;
	sample_destroy(sample);
	*sample = next;
	return 0;
}

/* A moment that has passed already, because a daemon was slow, is left out. */
static int64_t moment_next(int64_t moment_ns, const struct top_arguments *arguments)
{
	int64_t step_ns = (int64_t)(arguments->interval_seconds * 1e9), now = now_ns();

	moment_ns += step_ns;
	return moment_ns > now ? moment_ns : now + step_ns;
}

/* Until somebody ends it. */
static int run_on_screen(const struct top_arguments *arguments, struct sample *sample,
			 const char **ret_reason)
{
	int64_t moment = moment_next(now_ns(), arguments);
	int r = screen_open();

	if (r < 0)
		return r;
	while (r == 0) {
		enum screen_event event;

		draw(sample);
		event = screen_wait(moment);
		if (event == SCREEN_END)
			break;
		if (event == SCREEN_RESIZE)
			continue;
		r = sample_again(arguments->path, sample, ret_reason);
		moment = moment_next(moment, arguments);
	}
	screen_close();
	return r;
}

static void sleep_until(int64_t moment_ns)
{
	const struct timespec moment = {moment_ns / 1000000000, moment_ns % 1000000000};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) == EINTR)
		;
}

/* Until whoever reads it has enough. */
static int run_in_lines(const struct top_arguments *arguments, struct sample *sample,
			const char **ret_reason)
{
	int64_t moment = now_ns();
	int r;

	do {
		moment = moment_next(moment, arguments);
		sleep_until(moment);
		r = sample_again(arguments->path, sample, ret_reason);
		if (r == 0)
			print(sample, arguments->json);
		if (r == 0 && ferror(stdout))
			r = -EIO;
	} while (r == 0 && !arguments->once);
	return r;
}

static int top(const struct top_arguments *arguments)
{
	const char *path = arguments->path, *reason = NULL;
	bool lines = arguments->once || arguments->json || !screen_possible();
	struct sample sample;
	int r = sample_take(path, NULL, &sample, &reason);

	if (r == 0) {
		r = lines ? run_in_lines(arguments, &sample, &reason)
			  : run_on_screen(arguments, &sample, &reason);
		sample_destroy(&sample);
	}
	return r < 0 ? cmd_failed(path ? path : "top", r, reason) : CMD_DONE;
}

static int top_run(const struct command *command, int argc, char **argv)
{
	struct top_arguments arguments = {.interval_seconds = 1};

	if (top_parse(argc, argv, &arguments) < 0)
		return cmd_bad_option(command, argv);
	if (arguments.help)
		return cmd_help(command);
	if (arguments.interval)
		return cmd_usage(command, "--interval %s: seconds, from 0.1 on",
				 arguments.interval);
	if (argc - optind > 1)
		return cmd_usage(command, "at most one mount point");
	/* What is a character; numbers stay as they are in C. */
	setlocale(LC_CTYPE, "");
	return top(&arguments);
}

const struct command cmd_top = {
	.name = "top",
	.arguments = "[--once] [--interval SECONDS] [--json] [MOUNTPOINT]",
	.summary = "Shows what volumes do at this moment, those with most to do first. q ends it.",
	.help = "  -1, --once               one table, of one interval\n"
		"  -i, --interval SECONDS   between two of them: 1, from 0.1 on\n"
		"      --json               one line of JSON for each interval\n"
		"  -h, --help               this\n"
		"\n"
		"Rates are of the last interval; latencies (p50, p99) and errors since the "
		"mount.\n",
	.run = top_run,
};
