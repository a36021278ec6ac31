// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/mount_fs.h"
#include "cmd/serve.h"
#include "mount/options.h"
#include "util/macros.h"

static int serve_ready(void *data, int ready_fd)
{
	struct serve *serve = data;

	serve->ready_fd = ready_fd;
	return serve_run(serve);
}

/* What the command line says. */
struct arguments {
	struct mount_options options;
	bool foreground, filesystem;
	const char *type; /* of --fs=TYPE, or NULL */
	const char *source, *mountpoint;
};

static int mount_volumes(struct arguments *arguments)
{
	struct serve serve = {.source = arguments->source,
			      .mountpoint = arguments->mountpoint,
			      .options = &arguments->options,
			      .ready_fd = -1};

	return arguments->foreground ? serve_run(&serve)
				     : serve_in_background(serve.source, serve_ready, &serve);
}

static int mount_arguments(struct arguments *arguments)
{
	struct mount_fs mount = {.image = arguments->source,
				 .folder = arguments->mountpoint,
				 .type = arguments->type,
				 .options = &arguments->options,
				 .foreground = arguments->foreground};

	return arguments->filesystem ? mount_fs(&mount) : mount_volumes(arguments);
}

static int mount_run(const struct command *command, int argc, char **argv)
{
	static const struct option longs[] = {{"foreground", no_argument, NULL, 'f'},
					      {"options", required_argument, NULL, 'o'},
					      {"fs", optional_argument, NULL, 'F'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	_cleanup_free_ char *error = NULL;
	struct arguments arguments = {0};
	int option, r;

	options_init(&arguments.options);
	while ((option = getopt_long(argc, argv, "fho:", longs, NULL)) >= 0) {
		if (option == 'h')
			return cmd_help(command);
		if (option == '?')
			return cmd_bad_option(command, argv);
		arguments.foreground |= option == 'f';
		if (option == 'F') {
			arguments.filesystem = true;
			arguments.type = optarg;
		}
		if (option == 'o' && options_parse(&arguments.options, optarg, &error) < 0) {
			fprintf(stderr, "platterfs: %s\n", error ? error : strerror(ENOMEM));
			return CMD_USAGE;
		}
	}
	if (options_check(&arguments.options, &error) < 0) {
		fprintf(stderr, "platterfs: %s\n", error ? error : strerror(ENOMEM));
		return CMD_USAGE;
	}
	if (argc - optind != 2)
		return cmd_usage(command, "a source and a mount point are needed");
	arguments.source = argv[optind];
	arguments.mountpoint = argv[optind + 1];
	r = mount_arguments(&arguments);
	options_destroy(&arguments.options);
	return r;
}

const struct command cmd_mount = {
	.name = "mount",
	.arguments = "[-f] [--fs[=TYPE]] [-o OPTION,...] SOURCE MOUNTPOINT",
	.summary =
		"Serves each image of the folder SOURCE, or one image, as a file at MOUNTPOINT.\n"
		"Returns when the mount serves.",
	.help = "  -f, --foreground        stay, and log to standard error\n"
		"  --fs[=TYPE]             SOURCE is one image: mounts the filesystem in it at\n"
		"                          MOUNTPOINT, without root, with a FUSE driver: fuse2fs,\n"
		"                          squashfuse or erofsfuse\n"
		"  -o type=auto|raw|luks|plain|tcrypt   auto: LUKS by its magic, otherwise raw\n"
		"  -o keyfile=FILE,keyfile-offset=BYTES,keyfile-size=BYTES\n"
		"                          key or passphrase; - is standard input, %user:NAME the\n"
		"                          kernel's keyring, %cred:NAME a systemd credential; "
		"none:\n"
		"                          ask on the terminal\n"
		"  -o key-slot=N,header=FILE  of LUKS: one keyslot only; detached header\n"
		"  -o cipher=SPEC,key-size=BITS,hash=NAME,sector-size=BYTES,iv-large-sectors,\n"
		"     offset=SECTORS,skip=SECTORS   of type=plain, as for cryptsetup\n"
		"  -o tcrypt-hidden,tcrypt-system,tcrypt-veracrypt,veracrypt-pim=N   of "
		"type=tcrypt\n"
		"  -o expect=FSTYPE        refuse a volume that does not hold this: a wrong key\n"
		"  -o table=FILE           options for each volume, in lines as in crypttab(5)\n"
		"  -o passthrough          as root, raw volumes: who opens with O_DIRECT reads "
		"and\n"
		"                          writes the image without the daemon (Linux 6.9)\n"
		"  -o discard=keep|zero|punch   what a discard does (keep: refuse it)\n"
		"  -o require=mapped|any   refuse images whose blocks are not all written\n"
		"  -o start=BYTES,length=BYTES  a window of the image\n"
		"  -o partitions           of a raw image with an MBR or GPT: IMAGE.pN for each, "
		"too\n"
		"  -o engine=auto|io_uring|threads  -o transport=auto|fuse-uring|dev\n"
		"  -o lanes=N,depth=N      threads, and requests each of them has in flight\n"
		"  -o ro,allow_other,allow_root,auto_unmount,...   as for mount(8) and FUSE\n",
	.run = mount_run,
};
