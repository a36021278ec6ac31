// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "crypt/key_source.h"
#include "crypt/secret.h"
#include "mount/control.h"
#include "mount/volume_path.h"
#include "util/macros.h"
#include "util/size.h"

struct unlock_arguments {
	struct key_source source;
	bool help;
};

static int unlock_parse(int argc, char **argv, struct unlock_arguments *ret_arguments)
{
	static const struct option options[] = {
		{"key-file", required_argument, NULL, 'd'},
		{"keyfile-offset", required_argument, NULL, 'o'},
		{"keyfile-size", required_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option, r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, "d:l:h", options, NULL)) != -1) {
		if (option == 'd')
			ret_arguments->source.source = optarg;
		else if (option == 'o')
			r = size_parse(optarg, &ret_arguments->source.offset_bytes);
		else if (option == 'l')
			r = size_parse(optarg, &ret_arguments->source.size_bytes);
		else if (option == 'h')
			ret_arguments->help = true;
		else
			r = -EINVAL;
	}
	return r < 0 ? -EINVAL : 0;
}

/* What the daemon knows itself, its options or a token, spares us the question. */
static int unlock_with(const struct volume_path *path, const struct key_source *source,
		       char reason[UNLOCK_REASON_BYTES])
{
	bool keyfile = source->source && !key_source_asks(source);
	_cleanup_free_ char *prompt = NULL;
	struct passphrase *passphrase;
	int r = -ENOKEY;

	if (!keyfile)
		r = control_unlock(path->device, path->user, path->volume, NULL, false, reason);
	if (r != -ENOKEY)
		return r;
	r = passphrase_new(&passphrase);
	if (r < 0)
		return r;
	if (asprintf(&prompt, "Passphrase for %s: ", path->volume) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = key_source_read(source, prompt, false, passphrase, reason);
	if (r == 0)
		r = control_unlock(path->device, path->user, path->volume, passphrase,
				   keyfile && key_source_is_file(source->source), reason);
	passphrase_free(passphrase);
	return r;
}

static int unlock_volume(const char *argument, const struct key_source *source)
{
	char reason[UNLOCK_REASON_BYTES] = "";
	struct volume_path path;
	int r = secret_init(NULL);

	if (r == 0)
		r = volume_path_find(argument, &path);
	if (r < 0)
		return cmd_failed(argument, r,
				  r == -EINVAL ? "not a volume of a platterfs mount" : NULL);
	r = unlock_with(&path, source, reason);
	volume_path_destroy(&path);
	return r < 0 ? cmd_failed(argument, r, *reason ? reason : NULL) : CMD_DONE;
}

static int unlock_run(const struct command *command, int argc, char **argv)
{
	struct unlock_arguments arguments = {0};

	if (unlock_parse(argc, argv, &arguments) < 0)
		return cmd_bad_option(command, argv);
	if (arguments.help)
		return cmd_help(command);
	if (optind + 1 != argc)
		return cmd_usage(command, "one MOUNTPOINT/VOLUME is needed");
	return unlock_volume(argv[optind], &arguments.source);
}

const struct command cmd_unlock = {
	.name = "unlock",
	.arguments = "[--key-file FILE] MOUNTPOINT/VOLUME",
	.summary = "Gives an encrypted volume its key, so that it can be opened: with what the "
		   "mount's\noptions say, or by asking for the passphrase.",
	.help = "  -d, --key-file FILE         instead of asking; - is standard input\n"
		"      --keyfile-offset BYTES  skip these\n"
		"  -l, --keyfile-size BYTES    read no more than these\n"
		"  -h, --help                  this\n",
	.run = unlock_run,
};
