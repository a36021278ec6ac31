// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cmd/interrupt.h"
#include "image/create.h"
#include "util/macros.h"
#include "util/size.h"

enum create_option {
	OPTION_TYPE = 't',
	OPTION_SIZE = 's',
	OPTION_HELP = 'h',
	OPTION_SPARSE = 256,
	OPTION_CIPHER, /* and all others that only an encrypted image has */
};

struct create_arguments {
	const char *type;
	const char *size;
	const char *image;
	const char *cipher_option; /* the first that was given */
	bool sparse;
	bool help;
};

static const struct option create_options[] = {
	{"type", required_argument, NULL, OPTION_TYPE},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"sparse", no_argument, NULL, OPTION_SPARSE},
	{"help", no_argument, NULL, OPTION_HELP},
	{"cipher", required_argument, NULL, OPTION_CIPHER},
	{"key-size", required_argument, NULL, OPTION_CIPHER},
	{"hash", required_argument, NULL, OPTION_CIPHER},
	{"sector-size", required_argument, NULL, OPTION_CIPHER},
	{"iv-large-sectors", no_argument, NULL, OPTION_CIPHER},
	{"key-file", required_argument, NULL, OPTION_CIPHER},
	{"keyfile-size", required_argument, NULL, OPTION_CIPHER},
	{"pbkdf", required_argument, NULL, OPTION_CIPHER},
	{"pbkdf-force-iterations", required_argument, NULL, OPTION_CIPHER},
	{"header", required_argument, NULL, OPTION_CIPHER},
	{"offset", required_argument, NULL, OPTION_CIPHER},
	{NULL, 0, NULL, 0},
};

static int create_parse(int argc, char **argv, struct create_arguments *ret_arguments)
{
	int option, index;

	while ((option = getopt_long(argc, argv, "t:s:h", create_options, &index)) != -1) {
		switch (option) {
		case OPTION_TYPE:
			ret_arguments->type = optarg;
			break;
		case OPTION_SIZE:
			ret_arguments->size = optarg;
			break;
		case OPTION_SPARSE:
			ret_arguments->sparse = true;
			break;
		case OPTION_HELP:
			ret_arguments->help = true;
			break;
		case OPTION_CIPHER:
			ret_arguments->cipher_option = create_options[index].name;
			break;
		default:
			return -EINVAL;
		}
	}
	if (optind + 1 == argc)
		ret_arguments->image = argv[optind];
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
static int create_check(const struct command *command, const struct create_arguments *arguments)
{
	if (!arguments->image)
		return cmd_usage(command, "one IMAGE is needed");
	if (!type_is_known(arguments->type))
		return cmd_usage(command, "--type %s: raw, luks1, luks2 or plain", arguments->type);
	if (strcmp(arguments->type, "raw") != 0)
		return cmd_failed(arguments->image, -EOPNOTSUPP,
				  "this version makes raw images only; make one, and encrypt it "
				  "with cryptsetup");
	if (arguments->cipher_option)
		return cmd_usage(command, "--%s is for encrypted images, this is a raw one",
				 arguments->cipher_option);
	if (!arguments->size)
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

static int create_image(const char *path, uint64_t size_bytes, bool sparse)
{
	_cleanup_free_ char *label = NULL;
	struct create_request request = {.path = path, .size_bytes = size_bytes, .sparse = sparse};
	char text[SIZE_TEXT_BYTES];
	const char *reason;
	bool mapped;
	int r;

	if (asprintf(&label, "writing %s", path) < 0)
		return cmd_failed(path, -ENOMEM, NULL);
	request.label = label;
	request.interrupt = interrupt_watch();
	r = image_create(&request, &mapped, &reason);
	if (r < 0)
		return cmd_failed(path, r, reason);
	printf("%s: created, %s (%llu bytes), %s\n", path, size_format(size_bytes, text),
	       (unsigned long long)size_bytes,
	       mapped   ? "every block allocated and written"
	       : sparse ? "sparse: platterfs prepare allocates and writes its blocks"
			: "but its filesystem keeps no blocks in place: platterfs doctor says why");
	return CMD_DONE;
}

static int create_run(const struct command *command, int argc, char **argv)
{
	struct create_arguments arguments = {.type = "raw"};
	uint64_t size_bytes;
	int r;

	if (create_parse(argc, argv, &arguments) < 0)
		return cmd_bad_option(command, argv);
	if (arguments.help)
		return cmd_help(command);
	r = create_check(command, &arguments);
	if (r == CMD_DONE)
		r = create_size(command, arguments.size, &size_bytes);
	if (r != CMD_DONE)
		return r;
	return create_image(arguments.image, size_bytes, arguments.sparse);
}

const struct command cmd_create = {
	.name = "create",
	.arguments = "[--type raw] --size SIZE [--sparse] IMAGE",
	.summary =
		"Makes an image whose every block is allocated and written, so that no write to "
		"it\nlater changes the filesystem around it. It is complete, or it is not there.",
	.help = "  -t, --type TYPE   raw; luks1, luks2 and plain are not made by this version\n"
		"  -s, --size SIZE   bytes, or a number with K, M, G or T (powers of 1024)\n"
		"      --sparse      allocate nothing: fast, but writes are slower and may find "
		"the\n"
		"                    filesystem full\n"
		"  -h, --help        this\n",
	.run = create_run,
};
