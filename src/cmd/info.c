// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "crypt/unlock.h"
#include "image/inspection.h"
#include "image/map.h"
#include "util/size.h"

/* dm-crypt's unit, and what a raw volume's readers may count on. */
#define SECTOR_BYTES 512

struct info_arguments {
	bool json;
	bool map;
	bool help;
};

static int info_parse(int argc, char **argv, struct info_arguments *ret_arguments)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'},
		{"map", no_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (option == '?')
			return -EINVAL;
		ret_arguments->json |= option == 'j';
		ret_arguments->map |= option == 'm';
		ret_arguments->help |= option == 'h';
	}
	return 0;
}

static struct json_object *json_bytes(uint64_t bytes)
{
	return json_object_new_int64((int64_t)bytes);
}

static struct json_object *json_extents(const struct extent_summary *extents)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "count", json_bytes(extents->count));
	json_object_object_add(object, "written", json_bytes(extents->written));
	json_object_object_add(object, "unwritten", json_bytes(extents->unwritten));
	json_object_object_add(object, "hole", json_bytes(extents->hole));
	json_object_object_add(object, "shared", json_bytes(extents->shared));
	json_object_object_add(object, "encoded", json_bytes(extents->encoded));
	return object;
}

/* The volume in it, as far as that can be told without its key. */
struct volume {
	bool known;
	struct volume_key key;            /* without a key */
	uint64_t size_bytes;              /* of the payload */
	char reason[UNLOCK_REASON_BYTES]; /* why it is not known */
};

static uint64_t payload_bytes(const struct volume_key *key, uint64_t image_bytes)
{
	return key->size_bytes ? key->size_bytes : image_bytes - key->data_offset_bytes;
}

/* What is wrong with a header is worth telling, and no reason to tell nothing else. */
static void volume_inspect(const struct inspection *seen, struct volume *ret_volume)
{
	const struct unlock_request request = {
		.type = UNLOCK_LUKS, .length_bytes = seen->size_bytes, .key_slot = UNLOCK_ANY_SLOT};

	*ret_volume = (struct volume){.known = true, .size_bytes = seen->size_bytes};
	ret_volume->key.sector_size = SECTOR_BYTES;
	if (seen->type == IMAGE_RAW)
		return;
	ret_volume->known = unlock_inspect(&request, seen->fd, -1, &ret_volume->key,
					   ret_volume->reason) == 0;
	if (ret_volume->known)
		ret_volume->size_bytes = payload_bytes(&ret_volume->key, seen->size_bytes);
}

static struct json_object *json_if(bool known, uint64_t bytes)
{
	return known ? json_bytes(bytes) : NULL;
}

/* What a damaged header does not say is null. */
static void info_print_json(const char *path, const struct inspection *seen,
			    const struct volume *volume)
{
	struct json_object *object = json_object_new_object();
	const struct volume_key *key = &volume->key;
	bool known = volume->known;

	json_object_object_add(object, "image", json_object_new_string(path));
	json_object_object_add(object, "type", json_object_new_string(image_type_name(seen->type)));
	json_object_object_add(object, "size", json_bytes(seen->size_bytes));
	json_object_object_add(object, "volume_size", json_if(known, volume->size_bytes));
	json_object_object_add(object, "cipher",
			       *key->spec ? json_object_new_string(key->spec) : NULL);
	json_object_object_add(object, "sector_size", json_if(known, key->sector_size));
	json_object_object_add(object, "data_offset", json_if(known, key->data_offset_bytes));
	json_object_object_add(object, "extents", json_extents(&seen->extents));
	json_object_object_add(object, "mapped", json_object_new_boolean(inspection_mapped(seen)));
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void print_bytes(const char *name, uint64_t bytes)
{
	char text[SIZE_TEXT_BYTES];

	printf("%-12s %s", name, size_format(bytes, text));
	if (bytes >= 1024)
		printf(" (%llu bytes)", (unsigned long long)bytes);
	putchar('\n');
}

static void print_share(const char *name, uint64_t bytes)
{
	char text[SIZE_TEXT_BYTES];

	if (bytes > 0)
		printf("  %-10s %s\n", name, size_format(bytes, text));
}

static const char *mapped_text(const struct inspection *seen)
{
	if (inspection_mapped(seen))
		return "yes";
	if (!seen->extents_known)
		return "unknown: its filesystem does not tell";
	if (seen->copy_on_write)
		return "no: its filesystem writes each change to new blocks";
	return "no: platterfs doctor says what would help";
}

static void volume_print(const struct inspection *seen, const struct volume *volume)
{
	if (!volume->known) {
		printf("%-12s %s\n", "header", volume->reason);
		return;
	}
	print_bytes("volume size", volume->size_bytes);
	if (seen->type == IMAGE_RAW)
		return;
	printf("%-12s %s, %u bits\n", "cipher", volume->key.spec, volume->key.key_bytes * 8);
	print_bytes("sector size", volume->key.sector_size);
	print_bytes("data offset", volume->key.data_offset_bytes);
}

static void info_print_text(const char *path, const struct inspection *seen,
			    const struct volume *volume)
{
	printf("%-12s %s\n", "image", path);
	printf("%-12s %s\n", "type", image_type_name(seen->type));
	print_bytes("size", seen->size_bytes);
	volume_print(seen, volume);
	if (seen->extents_known)
		printf("%-12s %llu\n", "extents", (unsigned long long)seen->extents.count);
	print_share("written", seen->extents.written);
	print_share("unwritten", seen->extents.unwritten);
	print_share("hole", seen->extents.hole);
	print_share("shared", seen->extents.shared);
	print_share("encoded", seen->extents.encoded);
	printf("%-12s %s\n", "mapped", mapped_text(seen));
}

static bool locale_is_utf8(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int info_image(const char *path, const struct info_arguments *arguments)
{
	struct inspection seen;
	struct volume volume;
	const char *reason;
	int r = inspection_open(path, &seen, &reason);

	if (r < 0)
		return cmd_failed(path, r, reason);
	volume_inspect(&seen, &volume);
	if (arguments->json)
		info_print_json(path, &seen, &volume);
	else
		info_print_text(path, &seen, &volume);
	if (arguments->map) {
		putchar('\n');
		r = image_map_draw(stdout, seen.fd, seen.size_bytes, locale_is_utf8());
	}
	inspection_close(&seen);
	if (r < 0)
		return cmd_failed(path, r,
				  r == -EOPNOTSUPP ? "its filesystem does not tell where it lies, "
						     "so there is no map to draw"
						   : NULL);
	return CMD_DONE;
}

static int info_run(const struct command *command, int argc, char **argv)
{
	struct info_arguments arguments = {0};

	if (info_parse(argc, argv, &arguments) < 0)
		return cmd_bad_option(command, argv);
	if (arguments.help)
		return cmd_help(command);
	if (optind + 1 != argc)
		return cmd_usage(command, "one IMAGE is needed");
	if (arguments.json && arguments.map)
		return cmd_usage(command, "--map is a picture: not together with --json");
	return info_image(argv[optind], &arguments);
}

const struct command cmd_info = {
	.name = "info",
	.arguments = "[--json] [--map] IMAGE",
	.summary = "Shows what an image is and how its blocks lie on the disk. It may be in use.",
	.help = "      --json   for programs\n"
		"      --map    draw where it is written, allocated, shared, or a hole\n"
		"  -h, --help   this\n",
	.run = info_run,
};
