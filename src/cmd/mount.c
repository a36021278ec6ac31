// SPDX-License-Identifier: MIT
#include "cmd/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypt/secret.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

/* The control thread reads these from a descriptor; nobody else may be interrupted by them. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* From here on nobody looks at standard error, and no folder is held that somebody may unmount. */
static void leave_terminal(void)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	log_to(LOG_TARGET_SYSLOG);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (chdir("/") < 0)
		log_warning("/: %s", strerror(errno));
}

/* In the process that becomes the daemon. `ready_fd` is told 0 once the mount serves. */
static int serve(const char *source, const char *mountpoint, struct mount_options *options,
		 int ready_fd)
{
	_cleanup_free_ char *error = NULL;
	struct session session;
	char ready = 0;
	int r;

	/* Started as /proc/self/exe, we would be called "exe". */
	prctl(PR_SET_NAME, "platterfs");
	/* Here, because locked memory is not inherited by fork(2). */
	r = secret_init(NULL);
	if (r < 0)
		return cmd_failed(source, r, "no memory for keys could be made");
	r = session_open(&session, source, mountpoint, options, &error);
	if (r < 0)
		return cmd_failed(source, r, error);
	/* Only now: who is asked for a passphrase may press Ctrl-C, and needs the terminal. */
	if (ready_fd >= 0)
		setsid();
	block_signals();
	log_keep_init();
	r = session_start(&session, &error);
	if (r < 0)
		return cmd_failed(source, r, error);
	if (ready_fd >= 0) {
		leave_terminal();
		prctl(PR_SET_PDEATHSIG, 0);
		if (write(ready_fd, &ready, 1) != 1)
			log_warning("%s: whoever started the mount is gone", mountpoint);
		close(ready_fd);
	}
	return session_wait(&session) < 0 ? CMD_FAILED : CMD_DONE;
}

/* The daemon's exit code if it ended before it served; it has said why on our standard error. */
static int wait_ready(int ready_fd, pid_t daemon)
{
	char ready;
	int status;
	ssize_t length;

	do {
		length = read(ready_fd, &ready, 1);
	} while (length < 0 && errno == EINTR);
	if (length == 1)
		return CMD_DONE;
	while (waitpid(daemon, &status, 0) < 0)
		if (errno != EINTR)
			return CMD_FAILED;
	if (WIFSIGNALED(status))
		fprintf(stderr, "platterfs: the daemon was ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : CMD_FAILED;
}

static int serve_in_background(const char *source, const char *mountpoint,
			       struct mount_options *options)
{
	pid_t daemon, parent = getpid();
	int ready[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return cmd_failed(source, -errno, NULL);
	daemon = fork();
	if (daemon < 0)
		return cmd_failed(source, -errno, NULL);
	if (daemon > 0) {
		close(ready[1]);
		return wait_ready(ready[0], daemon);
	}
	close(ready[0]);
	/* Whoever gives up waiting gives up the mount. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return CMD_FAILED;
	return serve(source, mountpoint, options, ready[1]);
}

static int mount_run(const struct command *command, int argc, char **argv)
{
	static const struct option longs[] = {{"foreground", no_argument, NULL, 'f'},
					      {"options", required_argument, NULL, 'o'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	_cleanup_free_ char *error = NULL;
	struct mount_options options;
	bool foreground = false;
	int option, r;

	options_init(&options);
	while ((option = getopt_long(argc, argv, "fho:", longs, NULL)) >= 0) {
		if (option == 'h')
			return cmd_help(command);
		if (option == '?')
			return cmd_bad_option(command, argv);
		foreground |= option == 'f';
		if (option == 'o' && options_parse(&options, optarg, &error) < 0) {
			fprintf(stderr, "platterfs: %s\n", error ? error : strerror(ENOMEM));
			return CMD_USAGE;
		}
	}
	if (options_check(&options, &error) < 0) {
		fprintf(stderr, "platterfs: %s\n", error ? error : strerror(ENOMEM));
		return CMD_USAGE;
	}
	if (argc - optind != 2)
		return cmd_usage(command, "a source and a mount point are needed");
	r = foreground ? serve(argv[optind], argv[optind + 1], &options, -1)
		       : serve_in_background(argv[optind], argv[optind + 1], &options);
	options_destroy(&options);
	return r;
}

const struct command cmd_mount = {
	.name = "mount",
	.arguments = "[-f] [-o OPTION,...] SOURCE MOUNTPOINT",
	.summary =
		"Serves each image of the folder SOURCE, or one image, as a file at MOUNTPOINT.\n"
		"Returns when the mount serves.",
	.help = "  -f, --foreground        stay, and log to standard error\n"
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
		"  -o engine=auto|io_uring|threads  -o transport=auto|fuse-uring|dev\n"
		"  -o lanes=N,depth=N      threads, and requests each of them has in flight\n"
		"  -o ro,allow_other,allow_root,auto_unmount,...   as for mount(8) and FUSE\n",
	.run = mount_run,
};
