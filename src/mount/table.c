// SPDX-License-Identifier: MIT
#include "mount/table.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "image/partitions.h"
#include "util/macros.h"

/* Where in the file we are, for the line that says what is wrong. */
struct position {
	const char *path;
	unsigned line;
	char **error;
};

static __attribute__((format(printf, 2, 3))) int refuse(const struct position *position,
							const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		text = NULL;
	if (asprintf(position->error, "%s:%u: %s", position->path, position->line,
		     text ? text : "not a line of a table") < 0)
		*position->error = NULL;
	return -EINVAL;
}

static bool is_octal(const char *digits)
{
	return digits[0] >= '0' && digits[0] <= '3' && digits[1] >= '0' && digits[1] <= '7' &&
	       digits[2] >= '0' && digits[2] <= '7';
}

/* In place: \040 and the like, as in fstab(5). */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; to++) {
		if (*text == '\\' && is_octal(text + 1)) {
			*to = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
			text += 4;
		} else {
			*to = *text++;
		}
	}
	*to = '\0';
}

/* The next field of a line, or NULL. */
static char *field_next(char **rest)
{
	char *field = *rest + strspn(*rest, " \t");

	if (!*field || *field == '#')
		return NULL;
	*rest = field + strcspn(field, " \t");
	if (**rest)
		*(*rest)++ = '\0';
	return field;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static int set_option(struct table_entry *entry, const char *option,
		      const struct position *position)
{
	static const char *const ignored[] = {"defaults", "nofail", "_netdev", "auto", "rw"};
	int r;

	for (size_t i = 0; i < ARRAY_LENGTH(ignored); i++)
		if (strcmp(ignored[i], option) == 0)
			return 0;
	if (strncmp(option, "x-", 2) == 0)
		return 0;
	r = image_options_set(&entry->options, option);
	if (r == -ENOENT)
		return refuse(position, "option %s: unknown", option);
	return r < 0 ? refuse(position, "option %s: not a value it can have", option) : 0;
}

static int set_options(struct table_entry *entry, char *list, const struct position *position)
{
	const char *option, *reason;
	int r = 0;

	while (r == 0 && (option = image_options_next(&list)))
		if (*option)
			r = set_option(entry, option, position);
	if (r == 0 && image_options_check(&entry->options, &reason) < 0)
		r = refuse(position, "option %s: %s", entry->options.plain_option, reason);
	return r;
}

static int set_keyfile(struct table_entry *entry, const char *keyfile,
		       const struct position *position)
{
	_cleanup_free_ char *option = NULL;

	free(entry->options.keyfile);
	entry->options.keyfile = NULL;
	if (strcmp(keyfile, "none") == 0 || strcmp(keyfile, "-") == 0)
		return 0;
	if (asprintf(&option, "keyfile=%s", keyfile) < 0)
		return -ENOMEM;
	return set_option(entry, option, position);
}

/* "data.img.p2 data.img": nobody calls the whole image so who wants its partitions. */
static int set_partition(struct table_entry *entry)
{
	const char *image = name_of(entry->image);
	unsigned number;
	size_t stem = partition_stem(entry->volume, &number);

	if (!entry->options.partitions || stem == 0 || stem != strlen(image) ||
	    strncmp(entry->volume, image, stem) != 0)
		return 0;
	free(entry->image);
	entry->image = strdup(entry->volume);
	return entry->image ? 0 : -ENOMEM;
}

static int entry_set(struct table_entry *entry, char *volume, char *image, char *keyfile,
		     char *options, const struct position *position)
{
	int r = 0;

	unescape(volume);
	unescape(image);
	if (!is_name(volume))
		return refuse(position, "%s: not a name for a volume", volume);
	if (!is_name(name_of(image)))
		return refuse(position, "%s: not the name of an image", image);
	entry->line = position->line;
	entry->volume = strdup(volume);
	entry->image = strdup(image);
	if (!entry->volume || !entry->image)
		return -ENOMEM;
	if (keyfile) {
		unescape(keyfile);
		r = set_keyfile(entry, keyfile, position);
	}
	if (r == 0 && options)
		r = set_options(entry, options, position);
	return r == 0 ? set_partition(entry) : r;
}

static void entry_destroy(struct table_entry *entry)
{
	image_options_destroy(&entry->options);
	free(entry->volume);
	free(entry->image);
}

/* A volume has one image, and an image one volume. */
static int check_unique(const struct table *table, const struct table_entry *entry,
			const struct position *position)
{
	const struct table_entry *other = table_find_volume(table, entry->volume);

	if (other)
		return refuse(position, "volume %s is on line %u already", entry->volume,
			      other->line);
	other = table_find_image(table, table_image_name(entry));
	if (other)
		return refuse(position, "image %s is on line %u already", entry->image,
			      other->line);
	return 0;
}

static int table_add(struct table *table, struct table_entry *entry,
		     const struct position *position)
{
	struct table_entry *entries;
	int r = check_unique(table, entry, position);

	if (r < 0)
		return r;
	entries = reallocarray(table->entries, table->count + 1, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	table->entries = entries;
	table->entries[table->count++] = *entry;
	return 0;
}

static int parse_line(struct table *table, char *line, const struct image_options *defaults,
		      const struct position *position)
{
	char *rest = line;
	char *volume = field_next(&rest), *image = volume ? field_next(&rest) : NULL;
	char *keyfile = image ? field_next(&rest) : NULL;
	char *options = keyfile ? field_next(&rest) : NULL;
	struct table_entry entry = {0};
	int r;

	if (!volume)
		return 0;
	if (!image)
		return refuse(position, "%s has no image: VOLUME IMAGE KEYFILE OPTIONS", volume);
	if (options && field_next(&rest))
		return refuse(position, "more than four fields");
	r = image_options_copy(defaults, &entry.options);
	if (r == 0)
		r = entry_set(&entry, volume, image, keyfile, options, position);
	if (r == 0)
		r = table_add(table, &entry, position);
	if (r < 0)
		entry_destroy(&entry);
	return r;
}

int table_parse(FILE *file, const char *path, const struct image_options *defaults,
		struct table *ret_table, char **ret_error)
{
	struct position position = {.path = path, .error = ret_error};
	_cleanup_free_ char *line = NULL;
	struct table table = {0};
	size_t room = 0;
	ssize_t length;
	int r = 0;

	while (r == 0 && (length = getline(&line, &room, file)) >= 0) {
		position.line++;
		if (strlen(line) != (size_t)length) {
			r = refuse(&position, "a NUL byte: not a text");
			break;
		}
		line[strcspn(line, "\r\n")] = '\0';
		r = parse_line(&table, line, defaults, &position);
	}
	if (r == 0 && ferror(file))
		r = -EIO;
	if (r < 0)
		table_destroy(&table);
	else
		*ret_table = table;
	return r;
}

int table_read(const char *path, const struct image_options *defaults, struct table *ret_table,
	       char **ret_error)
{
	_cleanup_file_ FILE *file = fopen(path, "re");
	int r = file ? 0 : -errno;

	if (r == 0)
		r = table_parse(file, path, defaults, ret_table, ret_error);
	if (r < 0 && !*ret_error && asprintf(ret_error, "table %s: %s", path, strerror(-r)) < 0)
		*ret_error = NULL;
	return r;
}

void table_destroy(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		entry_destroy(&table->entries[i]);
	free(table->entries);
	*table = (struct table){0};
}

const char *table_image_name(const struct table_entry *entry)
{
	return name_of(entry->image);
}

const struct table_entry *table_find_volume(const struct table *table, const char *volume)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->entries[i].volume, volume) == 0)
			return &table->entries[i];
	return NULL;
}

const struct table_entry *table_find_image(const struct table *table, const char *name)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table_image_name(&table->entries[i]), name) == 0)
			return &table->entries[i];
	return NULL;
}
