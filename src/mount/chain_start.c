// SPDX-License-Identifier: MIT
/* A chain goes up: the volume, and the filesystem in it. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mount/chain_keeper.h"
#include "mount/content.h"
#include "mount/driver.h"
#include "mount/mountpoint.h"
#include "util/log.h"
#include "util/error.h"
#include "util/macros.h"

/* The volume ---------------------------------------------------------------- */

/*
 * It has the image's name, as that is what others show as the source of the filesystem; but no
 * characters that mean something in a list of mount options, because fuse2fs puts it in one.
 */
static void volume_name(struct chain *chain)
{
	const char *slash = strrchr(chain->request->image, '/');
	char name[100], *at;

	snprintf(name, sizeof(name), "%s", slash ? slash + 1 : chain->request->image);
	for (at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && !strchr("._-+@", *at))
			*at = '_';
	snprintf(chain->volume, sizeof(chain->volume), "%s/%s", chain->place, name);
}

static int place_volume(struct chain *chain)
{
	int fd, r = place_make(chain->place);

	if (r < 0) {
		chain->place[0] = '\0';
		return r;
	}
	volume_name(chain);
	fd = open(chain->volume, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static _Noreturn void become_serving(const struct chain *chain, pid_t parent, int ready_fd)
{
	const struct chain_request *request = chain->request;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigprocmask(SIG_SETMASK, &chain->signals, NULL);
	close(chain->signal_fd);
	if (getppid() != parent)
		_exit(1);
	_exit(request->serve(request->data, chain->volume, ready_fd));
}

static int serving_start(struct chain *chain)
{
	pid_t parent = getpid();
	int ready[2];

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -errno;
	chain->serving.pid = fork();
	if (chain->serving.pid == 0)
		become_serving(chain, parent, ready[1]);
	close(ready[1]);
	chain->ready_fd = ready[0];
	if (chain->serving.pid > 0)
		return 0;
	chain->serving.pid = 0;
	return -EAGAIN;
}

int chain_start_volume(struct chain *chain)
{
	int r = place_volume(chain);

	if (r == 0)
		r = serving_start(chain);
	while (r == 0 && !chain->serves && child_lives(&chain->serving) && !chain->asked)
		chain_wait(chain, -1, -1);
	/* It has said why. */
	return r < 0 ? r : chain->serves ? 0 : -ECANCELED;
}

/* The filesystem ------------------------------------------------------------ */

static int choose(struct chain *chain, const char *found, char **ret_error)
{
	const char *wanted = chain->request->type;

	if (!*found)
		return error_set(ret_error, -EINVAL,
				 "no filesystem is known in it: a new volume, or a wrong key");
	if (strcmp(found, "gpt") == 0 || strcmp(found, "dos") == 0)
		return error_set(
			ret_error, -EINVAL,
			"holds a partition table (%s): -o start=BYTES,length=BYTES serves one "
			"partition",
			found);
	chain->driver = driver_find(found);
	if (!chain->driver)
		return chain_refuse_type(ret_error, "holds", found);
	if (wanted && driver_find(wanted) != chain->driver)
		return error_set(ret_error, -EINVAL, "holds %s, not %s", found, wanted);
	return chain_check_driver(chain->driver, ret_error);
}

static int probe(struct chain *chain, char **ret_error)
{
	_cleanup_fd_ int fd = open(chain->volume, O_RDONLY | O_CLOEXEC);
	char found[CONTENT_TYPE_BYTES];
	struct stat status;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	r = content_type(fd, 0, (uint64_t)status.st_size, NULL, found);
	if (r == 0)
		r = choose(chain, found, ret_error);
	if (r == 0 && driver_unclean(chain->driver, fd))
		log_warning("%s: its filesystem was not unmounted: e2fsck -f on the volume is "
			    "needed",
			    chain->request->image);
	return r;
}

static int driving_start(struct chain *chain)
{
	struct driver_start start = {.driver = chain->driver,
				     .options = chain->request->options,
				     .volume = chain->volume,
				     .folder = chain->request->folder,
				     .read_only = chain->request->read_only ||
						  chain->driver->read_only,
				     .signals = &chain->signals};
	_cleanup_free_ char *program = NULL;
	int said[2], r = driver_program(chain->driver, &program);

	if (r < 0)
		return r;
	if (pipe2(said, O_CLOEXEC) < 0)
		return -errno;
	start.program = program;
	start.output_fd = said[1];
	r = driver_start(&start, &chain->driving.pid);
	close(said[1]);
	chain->said_fd = said[0];
	return r == 0 && fcntl(said[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : r;
}

/* Drivers tell nobody when they serve, but the kernel does: it waits for them from then on. */
static int wait_mounted(struct chain *chain, char **ret_error)
{
	_cleanup_fd_ int mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	dev_t device;
	uid_t user;

	while (child_lives(&chain->driving) && !chain->asked) {
		if (mountpoint_find_fuse(chain->request->folder, &device, &user) == 0) {
			chain->device = device;
			return 0;
		}
		chain_wait(chain, mounts_fd, -1);
	}
	if (chain->driving.ended)
		chain_wait_said(chain);
	if (chain->asked)
		return error_set(ret_error, -EINTR, "interrupted");
	chain->said[strcspn(chain->said, "\n")] = '\0';
	return error_set(ret_error, -EIO, "%s did not mount it: %s", chain->driver->program,
			 *chain->said ? chain->said : "it does not say why");
}

int chain_start_filesystem(struct chain *chain, char **ret_error)
{
	int r = probe(chain, ret_error);

	if (r == 0)
		r = driving_start(chain);
	if (r == 0)
		r = wait_mounted(chain, ret_error);
	return r;
}
