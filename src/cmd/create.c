// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "cmd/create_encrypted.h"
#include "cmd/interrupt.h"
#include "image/create.h"
#include "util/macros.h"
#include "util/size.h"

/* Long options by their place in the table; a letter is short for one of them. */
static const struct create_option {
	const char *name;
	size_t place; /* in struct create_options: a text, or a flag */
	char letter;
	bool flag;
	bool encrypted_only;
} create_options[] = {
	{"type", offsetof(struct create_options, type), 't', false, false},
	{"size", offsetof(struct create_options, size), 's', false, false},
	{"sparse", offsetof(struct create_options, sparse), 0, true, false},
	{"help", offsetof(struct create_options, help), 'h', true, false},
	{"cipher", offsetof(struct create_options, cipher), 'c', false, true},
	{"key-size", offsetof(struct create_options, key_size), 0, false, true},
	{"hash", offsetof(struct create_options, hash), 0, false, true},
	{"sector-size", offsetof(struct create_options, sector_size), 0, false, true},
	{"iv-large-sectors", offsetof(struct create_options, iv_large_sectors), 0, true, true},
	{"key-file", offsetof(struct create_options, key_file), 'd', false, true},
	{"keyfile-offset", offsetof(struct create_options, keyfile_offset), 0, false, true},
	{"keyfile-size", offsetof(struct create_options, keyfile_size), 'l', false, true},
	{"pbkdf", offsetof(struct create_options, pbkdf), 0, false, true},
	{"pbkdf-force-iterations", offsetof(struct create_options, pbkdf_iterations), 0, false,
	 true},
	{"header", offsetof(struct create_options, header), 0, false, true},
	{"offset", offsetof(struct create_options, offset), 0, false, true},
};

/* For getopt_long(3), which returns the place in the table beyond all letters. */
#define PLACE_FIRST 256

static void table_fill(struct option table[ARRAY_LENGTH(create_options) + 1])
{
	for (size_t i = 0; i < ARRAY_LENGTH(create_options); i++)
		table[i] = (struct option){create_options[i].name,
					   create_options[i].flag ? no_argument : required_argument,
					   NULL, PLACE_FIRST + (int)i};
	table[ARRAY_LENGTH(create_options)] = (struct option){0};
}

static const struct create_option *option_find(int returned)
{
	for (size_t i = 0; i < ARRAY_LENGTH(create_options); i++)
		if (returned == PLACE_FIRST + (int)i || returned == create_options[i].letter)
			return &create_options[i];
	return NULL;
}

static void option_keep(const struct create_option *option, struct create_options *options)
{
	char *place = (char *)options + option->place;

	if (option->flag)
		*(bool *)place = true;
	else
		*(const char **)place = optarg;
	if (option->encrypted_only && !options->encrypted_option)
		options->encrypted_option = option->name;
}

static int create_parse(int argc, char **argv, struct create_options *ret_options)
{
	struct option table[ARRAY_LENGTH(create_options) + 1];
	int returned;

	table_fill(table);
	while ((returned = getopt_long(argc, argv, "t:s:hc:d:l:", table, NULL)) != -1) {
		const struct create_option *option = option_find(returned);

		if (!option)
			return -EINVAL;
		option_keep(option, ret_options);
	}
	if (optind + 1 == argc)
		ret_options->image = argv[optind];
	return 0;
}

static bool type_is_known(const char *type)
{
	static const char *const types[] = {"raw", "luks1", "luks2", "plain"};

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
		if (strcmp(types[i], type) == 0)
			return true;
	return false;
}

/* CMD_DONE, or the exit code after it has been said what is wrong. */
static int create_check(const struct command *command, const struct create_options *options)
{
	if (!options->image)
		return cmd_usage(command, "one IMAGE is needed");
	if (!type_is_known(options->type))
		return cmd_usage(command, "--type %s: raw, luks1, luks2 or plain", options->type);
	if (options->encrypted_option && strcmp(options->type, "raw") == 0)
		return cmd_usage(command, "--%s is for encrypted images, this is a raw one",
				 options->encrypted_option);
	if (!options->size)
		return cmd_usage(command, "--size is needed");
	return CMD_DONE;
}

static int create_size(const struct command *command, const char *text, uint64_t *ret_bytes)
{
	int r = size_parse(text, ret_bytes);

	if (r == -ERANGE)
		return cmd_usage(command, "--size %s: too large", text);
	if (r < 0)
		return cmd_usage(command, "--size %s: bytes, or a number with K, M, G or T", text);
	if (*ret_bytes == 0)
		return cmd_usage(command, "--size 0: an image needs at least one byte");
	return CMD_DONE;
}

int create_image(const struct create_options *options, uint64_t size_bytes,
		 const struct create_content *content, const char *what)
{
	const char *path = options->image, *reason = NULL;
	_cleanup_free_ char *label = NULL;
	struct create_request request = {.path = path,
					 .size_bytes = size_bytes,
					 .sparse = options->sparse,
					 .content = content};
	char text[SIZE_TEXT_BYTES];
	bool mapped;
	int r;

	if (asprintf(&label, "writing %s", path) < 0)
		return cmd_failed(path, -ENOMEM, NULL);
	request.label = label;
	request.interrupt = interrupt_watch();
	r = image_create(&request, &mapped, &reason);
	if (r < 0)
		return cmd_failed(path, r, reason);
	printf("%s: created%s, %s (%llu bytes), %s\n", path, what, size_format(size_bytes, text),
	       (unsigned long long)size_bytes,
	       mapped ? "every block allocated and written"
	       : options->sparse
		       ? "sparse: platterfs prepare allocates and writes its blocks"
		       : "but its filesystem keeps no blocks in place: platterfs doctor says why");
	return CMD_DONE;
}

static int create_run(const struct command *command, int argc, char **argv)
{
	struct create_options options = {.type = "raw"};
	uint64_t size_bytes;
	int r;

	if (create_parse(argc, argv, &options) < 0)
		return cmd_bad_option(command, argv);
	if (options.help)
		return cmd_help(command);
	r = create_check(command, &options);
	if (r == CMD_DONE)
		r = create_size(command, options.size, &size_bytes);
	if (r != CMD_DONE)
		return r;
	if (strcmp(options.type, "raw") != 0)
		return create_encrypted(command, &options, size_bytes);
	return create_image(&options, size_bytes, NULL, "");
}

const struct command cmd_create = {
	.name = "create",
	.arguments = "[--type raw|luks1|luks2|plain] --size SIZE [--sparse] IMAGE",
	.summary =
		"Makes an image whose every block is allocated and written, so that no write to "
		"it\nlater changes the filesystem around it. It is complete, or it is not there. "
		"An\nencrypted one is full of encrypted zeros, so that it shows nothing of what "
		"has not\nbeen written.",
	.help = "  -t, --type TYPE   raw, luks1, luks2 or plain\n"
		"  -s, --size SIZE   of the image: bytes, or a number with K, M, G or T (powers "
		"of\n"
		"                    1024)\n"
		"      --sparse      allocate nothing but a header: fast, but writes are slower "
		"and "
		"may\n"
		"                    find the filesystem full\n"
		"  -h, --help        this\n"
		"\n"
		"Of encrypted images, with cryptsetup's names and defaults:\n"
		"  -c, --cipher SPEC       aes-xts-plain64; plain: aes-cbc-essiv:sha256\n"
		"      --key-size BITS     512 for XTS, else 256\n"
		"      --hash NAME         of the key derivation, sha256; plain: makes the key of "
		"the\n"
		"                          passphrase, ripemd160; plain with --key-file FILE: "
		"none\n"
		"      --sector-size BYTES 512, 1024, 2048, 4096\n"
		"      --iv-large-sectors  plain: IVs count sectors of that size\n"
		"  -d, --key-file FILE     instead of asking for a passphrase; - is standard "
		"input\n"
		"      --keyfile-offset BYTES\n"
		"  -l, --keyfile-size BYTES\n"
		"      --pbkdf NAME        argon2id, argon2i, pbkdf2\n"
		"      --pbkdf-force-iterations N\n"
		"      --header FILE       put the header there\n"
		"      --offset SECTORS    where the data begin, in 512 bytes\n",
	.run = create_run,
};
