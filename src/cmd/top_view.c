// SPDX-License-Identifier: MIT
#include "cmd/top_view.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "util/macros.h"
#include "util/size.h"

#define CELL_BYTES 16

enum {
	NAME_COLUMNS_LEAST = 8,
	NAME_COLUMNS_MOST = 40,
	OTHER_COLUMNS = 71, /* of the fixed cells, with the blanks between them */
};

/* Where lines go, and how much room there is. */
struct view {
	FILE *out;
	unsigned columns; /* 0: any number */
	unsigned rows;    /* left; UINT_MAX: any number */
	unsigned name_columns;
	double seconds;
	bool several; /* mounts */
};

/* A line of the table. */
struct row {
	const struct sample_mount *mount;
	const struct sample_volume *volume;
};

/*
 * The first character of `text` as it may be shown: names are chosen by others, and may hold what a
 * terminal takes for a command. Returns how many bytes it takes.
 */
static size_t character_clean(const char *text, char ret_shown[MB_LEN_MAX + 1], int *ret_columns)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t length = mbrtowc(&wide, text, strlen(text), &state);

	if (length == (size_t)-1 || length == (size_t)-2 || !iswprint((wint_t)wide) ||
	    wcwidth(wide) < 0) {
		strcpy(ret_shown, "?");
		*ret_columns = 1;
		return length == (size_t)-1 || length == (size_t)-2 ? 1 : length;
	}
	memcpy(ret_shown, text, length);
	ret_shown[length] = '\0';
	*ret_columns = wcwidth(wide);
	return length;
}

/* At most `columns` of a text (0: all). Returns how many it took. */
static unsigned put_clean(FILE *out, const char *text, unsigned columns)
{
	char shown[MB_LEN_MAX + 1];
	unsigned taken = 0;
	int width;

	while (*text) {
		text += character_clean(text, shown, &width);
		if (columns && taken + (unsigned)width > columns)
			break;
		if (out)
			fputs(shown, out);
		taken += (unsigned)width;
	}
	return taken;
}

static unsigned text_columns(const char *text)
{
	return put_clean(NULL, text, 0);
}

/* A line of the view, cut where the window ends. */
static __attribute__((format(printf, 2, 3))) void line(struct view *view, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	if (view->rows == 0)
		return;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length >= 0)
		put_clean(view->out, text, view->columns);
	fputc('\n', view->out);
	if (view->rows != UINT_MAX)
		view->rows--;
}

static void line_mount(struct view *view, const struct sample_mount *mount)
{
	struct json_object *status = mount->status;
	char memory[SIZE_TEXT_BYTES];

	size_format(mounts_number(status, "memory_bytes"), memory);
	line(view, "%s: engine %s, transport %s, %llu lanes, %s%s", mount->place,
	     mounts_text(status, "engine"), mounts_text(status, "transport"),
	     (unsigned long long)mounts_number(status, "lanes"), memory,
	     strcmp(mounts_text(status, "memory_locked"), "true") == 0 ? " locked" : " not locked");
}

/* Mounts may take a third of the window. */
static void lines_mounts(struct view *view, const struct sample *sample)
{
	size_t room = view->rows == UINT_MAX ? sample->count : view->rows / 3, shown = 0;

	for (; shown < sample->count && shown < room; shown++)
		line_mount(view, &sample->mounts[shown]);
	if (shown < sample->count)
		line(view, "and %zu mounts more", sample->count - shown);
	for (size_t i = 0; i < json_object_array_length(sample->source.silent); i++)
		line(view, "%s: its daemon does not answer",
		     json_object_get_string(json_object_array_get_idx(sample->source.silent, i)));
}

static char *rate_format(const struct view *view, double done, char cell[CELL_BYTES])
{
	double rate = done / view->seconds;

	if (view->seconds <= 0)
		strcpy(cell, "-");
	else
		snprintf(cell, CELL_BYTES, rate > 0 && rate < 9.95 ? "%.1f" : "%.0f", rate);
	return cell;
}

static char *latency_format(double us, char cell[CELL_BYTES])
{
	if (us <= 0)
		strcpy(cell, "-");
	else if (us < 999999.5)
		snprintf(cell, CELL_BYTES, "%.0f", us);
	else
		snprintf(cell, CELL_BYTES, "%.0fs", us / 1e6);
	return cell;
}

static void name_pad(const struct view *view, const char *name, char **ret_text)
{
	size_t room;
	FILE *out = open_memstream(ret_text, &room);
	unsigned taken;

	if (!out)
		return;
	taken = put_clean(out, name, view->name_columns);
	fprintf(out, "%*s", (int)(view->name_columns - taken), "");
	fclose(out);
}

static void line_volume(struct view *view, const struct row *row)
{
	const struct sample_volume *volume = row->volume;
	char cells[7][CELL_BYTES];
	_cleanup_free_ char *name = NULL;

	name_pad(view, volume->name, &name);
	line(view, "%s %-6.6s %7s %8s %7s %7s %7s %7s %7s %6llu%s%s", name ? name : "",
	     mounts_text(volume->status, "state"),
	     rate_format(view, (double)volume->done[COUNTER_READS], cells[0]),
	     rate_format(view, (double)volume->done[COUNTER_WRITES], cells[1]),
	     rate_format(view, (double)volume->done[COUNTER_FLUSHES], cells[2]),
	     rate_format(view, (double)volume->done[COUNTER_READ_BYTES] / 1e6, cells[3]),
	     rate_format(view, (double)volume->done[COUNTER_WRITE_BYTES] / 1e6, cells[4]),
	     latency_format(volume->p50_us, cells[5]), latency_format(volume->p99_us, cells[6]),
	     (unsigned long long)volume->totals[COUNTER_ERRORS], view->several ? "  " : "",
	     view->several ? row->mount->place : "");
}

static void line_titles(struct view *view, bool emphasis)
{
	if (view->rows == 0)
		return;
	if (emphasis)
		fputs("\033[7m", view->out);
	line(view, "%-*s %-6s %7s %8s %7s %7s %7s %7s %7s %6s%s", (int)view->name_columns, "VOLUME",
	     "STATE", "reads/s", "writes/s", "flush/s", "rd MB/s", "wr MB/s", "p50 us", "p99 us",
	     "errors", view->several ? "  MOUNT POINT" : "");
	if (emphasis)
		fputs("\033[0m", view->out);
}

static uint64_t bytes_done(const struct sample_volume *volume)
{
	return volume->done[COUNTER_READ_BYTES] + volume->done[COUNTER_WRITE_BYTES];
}

static uint64_t requests_done(const struct sample_volume *volume)
{
	return volume->done[COUNTER_READS] + volume->done[COUNTER_WRITES] +
	       volume->done[COUNTER_FLUSHES];
}

static int compare_numbers(uint64_t left, uint64_t right)
{
	return (left < right) - (left > right);
}

/* Bytes first; a volume that is idle but open before those that are closed. */
static int compare_load(const void *a, const void *b)
{
	const struct sample_volume *left = ((const struct row *)a)->volume;
	const struct sample_volume *right = ((const struct row *)b)->volume;
	int order = compare_numbers(bytes_done(left), bytes_done(right));

	if (order == 0)
		order = compare_numbers(requests_done(left), requests_done(right));
	if (order == 0)
		order = strcmp(mounts_text(right->status, "state"),
			       mounts_text(left->status, "state"));
	return order ? order : strcmp(left->name, right->name);
}

static size_t rows_sort(const struct sample *sample, struct row **ret_rows)
{
	size_t count = 0, at = 0;
	struct row *rows;

	for (size_t i = 0; i < sample->count; i++)
		count += sample->mounts[i].count;
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows)
		return 0;
	for (size_t i = 0; i < sample->count; i++)
		for (size_t j = 0; j < sample->mounts[i].count; j++)
			rows[at++] = (struct row){&sample->mounts[i],
						  &sample->mounts[i].volumes[j]};
	qsort(rows, count, sizeof(*rows), compare_load);
	*ret_rows = rows;
	return count;
}

/* As wide as the longest of them, if the window has room. */
static unsigned name_columns(const struct view *view, const struct row *rows, size_t count)
{
	unsigned columns = NAME_COLUMNS_LEAST;

	for (size_t i = 0; i < count && i < view->rows; i++)
		columns = (unsigned)max_u64(columns, text_columns(rows[i].volume->name));
	columns = (unsigned)min_u64(columns, NAME_COLUMNS_MOST);
	if (view->columns && columns + OTHER_COLUMNS > view->columns)
		columns = view->columns > OTHER_COLUMNS + NAME_COLUMNS_LEAST
				  ? view->columns - OTHER_COLUMNS
				  : NAME_COLUMNS_LEAST;
	return columns;
}

static void lines_volumes(struct view *view, const struct sample *sample, bool emphasis)
{
	_cleanup_free_ struct row *rows = NULL;
	size_t count = rows_sort(sample, &rows), shown;

	view->name_columns = name_columns(view, rows, count);
	line_titles(view, emphasis);
	for (shown = 0; shown < count && view->rows > 0; shown++) {
		if (view->rows == 1 && count - shown > 1) {
			line(view, "and %zu volumes more", count - shown);
			return;
		}
		line_volume(view, &rows[shown]);
	}
}

void top_print(FILE *out, const struct sample *sample, unsigned columns, unsigned rows,
	       bool emphasis)
{
	struct view view = {
		.out = out,
		.columns = columns,
		.rows = rows ? rows : UINT_MAX,
		.seconds = sample->seconds,
		.several = sample->count > 1,
	};

	if (sample->count == 0 && json_object_array_length(sample->source.silent) == 0)
		line(&view, "nothing is mounted");
	lines_mounts(&view, sample);
	if (sample->count > 0)
		lines_volumes(&view, sample, emphasis);
}

static struct json_object *done_json(const struct sample_volume *volume)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < COUNTERS; i++)
		json_object_object_add(object, counter_names[i],
				       json_object_new_uint64(volume->done[i]));
	return object;
}

static struct json_object *rates_json(const struct sample_volume *volume, double seconds)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < COUNTERS; i++)
		json_object_object_add(
			object, counter_names[i],
			json_object_new_double(seconds > 0 ? (double)volume->done[i] / seconds
							   : 0));
	return object;
}

/* What status says, and what has been done since the line before. */
void top_print_json(FILE *out, const struct sample *sample)
{
	struct json_object *all = json_object_new_object();

	json_object_object_add(all, "seconds", json_object_new_double(sample->seconds));
	json_object_object_add(all, "mounts", json_object_get(sample->source.list));
	for (size_t i = 0; i < sample->count; i++) {
		for (size_t j = 0; j < sample->mounts[i].count; j++) {
			const struct sample_volume *volume = &sample->mounts[i].volumes[j];

			json_object_object_add(volume->status, "interval", done_json(volume));
			json_object_object_add(volume->status, "per_second",
					       rates_json(volume, sample->seconds));
		}
	}
	fprintf(out, "%s\n",
		json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
}
