// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <string.h>

#include "mount/table.h"
#include "util/macros.h"

static int parse(const char *text, size_t length, struct table *table, char **error)
{
	_cleanup_file_ FILE *file = fmemopen((char *)text, length, "r");
	struct image_options defaults;

	image_options_init(&defaults);
	defaults.keyfile = "/default.key";
	return table_parse(file, "T", &defaults, table, error);
}

static void test_lines(void **state)
{
	static const char text[] =
		"# a comment\n"
		"\n"
		"data  data.img   /etc/data.key  luks,key-slot=2,nofail\n"
		"  swap\t/srv/swap.img\tnone\tplain,cipher=aes-xts-plain64,size=512\n"
		"a\\040b c\\040d.img # no more fields\n"
		"last last.img - noauto";
	_cleanup_free_ char *error = NULL;
	struct table table;
	const struct table_entry *entry;

	assert_int_equal(parse(text, strlen(text), &table, &error), 0);
	assert_int_equal(table.count, 4);
	entry = table_find_volume(&table, "data");
	assert_non_null(entry);
	assert_string_equal(entry->image, "data.img");
	assert_string_equal(entry->options.keyfile, "/etc/data.key");
	assert_int_equal(entry->options.kind, KIND_LUKS);
	assert_int_equal(entry->options.unlock.key_slot, 2);
	assert_int_equal(entry->line, 3);
	entry = table_find_image(&table, "swap.img");
	assert_non_null(entry);
	assert_string_equal(entry->volume, "swap");
	assert_null(entry->options.keyfile);
	assert_int_equal(entry->options.kind, KIND_PLAIN);
	assert_int_equal(entry->options.unlock.key_bits, 512);
	entry = table_find_volume(&table, "a b");
	assert_non_null(entry);
	assert_string_equal(entry->image, "c d.img");
	assert_string_equal(entry->options.keyfile, "/default.key");
	entry = table_find_volume(&table, "last");
	assert_true(entry->options.later);
	assert_null(entry->options.keyfile);
	assert_null(table_find_volume(&table, "data.img"));
	table_destroy(&table);
}

/* The second field is a partition, or the first one says so where partitions are shown. */
static void test_partitions(void **state)
{
	static const char text[] = "root a.img.p2 none luks\n"
				   "a.img.p1 /srv/a.img none luks,partitions\n"
				   "a.img /srv/a.img none partitions\n"
				   "b.img.p1 b.img none luks\n"
				   "c.img.p1 d.img none partitions\n";
	_cleanup_free_ char *error = NULL;
	struct table table;

	assert_int_equal(parse(text, strlen(text), &table, &error), 0);
	assert_string_equal(table_find_image(&table, "a.img.p2")->volume, "root");
	assert_string_equal(table_find_image(&table, "a.img.p1")->volume, "a.img.p1");
	assert_true(table_find_image(&table, "a.img")->options.partitions);
	assert_false(table_find_image(&table, "a.img.p2")->options.partitions);
	assert_string_equal(table_find_image(&table, "b.img")->volume, "b.img.p1");
	assert_string_equal(table_find_image(&table, "d.img")->volume, "c.img.p1");
	table_destroy(&table);
}

static void expect_refused(const char *text, size_t length, const char *names)
{
	_cleanup_free_ char *error = NULL;
	struct table table = {.count = 77};

	assert_int_equal(parse(text, length, &table, &error), -EINVAL);
	assert_non_null(error);
	assert_non_null(strstr(error, names));
	assert_int_equal(table.count, 77);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *names;
	} wrong[] = {
		{"a\n", "T:1: a has no image"},
		{"\na a.img none luks more\n", "T:2: more than four"},
		{"a/b a.img\n", "T:1: a/b"},
		{".. a.img\n", "T:1: .."},
		{"a /srv/\n", "T:1: /srv/"},
		{"a a.img none nosuch\n", "option nosuch: unknown"},
		{"a a.img none lanes=3\n", "option lanes=3: unknown"},
		{"a a.img none type=floppy\n", "option type=floppy"},
		{"a a.img none luks,cipher=aes-xts-plain64\n", "cipher: is for type=plain"},
		{"a a.img\nb b.img\na c.img\n", "T:3: volume a is on line 1"},
		{"a x/a.img\nb y/a.img\n", "T:2: image y/a.img is on line 1"},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		expect_refused(wrong[i].text, strlen(wrong[i].text), wrong[i].names);
	expect_refused("a a.img\0b\n", 10, "T:1: a NUL byte");
}

static void test_no_such_file(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct image_options defaults;
	struct table table;

	image_options_init(&defaults);
	assert_int_equal(table_read("nosuch", &defaults, &table, &error), -ENOENT);
	assert_non_null(strstr(error, "nosuch"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_lines),
		SCRATCH_TEST(test_partitions),
		SCRATCH_TEST(test_refused),
		SCRATCH_TEST(test_no_such_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
