// SPDX-License-Identifier: MIT
/* The story of a chain: it goes up, is kept, and goes down. */
#include "mount/chain.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mount/chain_keeper.h"
#include "mount/control.h"
#include "mount/driver.h"
#include "mount/mountpoint.h"
#include "util/log.h"
#include "util/error.h"
#include "util/macros.h"

/* A driver whose volume is gone has nothing to do but to end. */
#define PATIENCE_MS 5000

/* "ended by signal 9" */
static const char *child_how(const struct child *child, char text[64])
{
	if (WIFSIGNALED(child->status))
		snprintf(text, 64, "ended by signal %d", WTERMSIG(child->status));
	else
		snprintf(text, 64, "ended with exit code %d", WEXITSTATUS(child->status));
	return text;
}

/* Only ever the mount that the driver has made: another may lie over it by now. */
static void unmount_filesystem(struct chain *chain)
{
	const char *folder = chain->request->folder;
	_cleanup_free_ char *error = NULL;
	dev_t device;
	uid_t user;
	int r = mountpoint_find_fuse(folder, &device, &user);

	if (r < 0 || device != chain->device)
		return;
	r = mountpoint_unmount(folder, true, &error);
	if (r < 0)
		log_error("%s: unmount: %s", folder, error ? error : strerror(-r));
}

/* While both live. Whoever has a file open may go on after SIGTERM: nothing is lost. */
static void keep(struct chain *chain)
{
	bool detached = false;

	while (child_lives(&chain->serving) && child_lives(&chain->driving)) {
		if (chain->asked && !detached) {
			unmount_filesystem(chain);
			detached = true;
		}
		chain_wait(chain, -1, -1);
	}
	/* One may have taken the other with it. */
	chain_wait_look(chain);
}

static bool driver_writes(const struct chain *chain)
{
	return chain->driver && !chain->driver->read_only && !chain->request->read_only;
}

static void report_driver(struct chain *chain)
{
	char how[64];

	if (!child_well(&chain->driving))
		log_error("%s: %s %s: unmounted%s", chain->request->folder, chain->driver->program,
			  child_how(&chain->driving, how),
			  driver_writes(chain) ? "; what was not synced may be lost" : "");
	else if (chain->lost)
		log_error("%s: %s could not write everything", chain->request->folder,
			  chain->driver->program);
}

static void report_serving(struct chain *chain)
{
	char how[64];

	log_error("%s: the daemon of %s was %s: unmounted; what was not synced may be lost",
		  chain->request->folder, chain->request->image, child_how(&chain->serving, how));
}

/* What it still has to write it cannot, unless the volume is there. */
static void end_driver(struct chain *chain)
{
	if (!child_lives(&chain->driving))
		return;
	kill(chain->driving.pid, SIGTERM);
	while (child_lives(&chain->serving) && child_lives(&chain->driving))
		chain_wait(chain, -1, -1);
	for (int waited = 0; child_lives(&chain->driving) && waited < PATIENCE_MS; waited += 100)
		chain_wait(chain, -1, 100);
	if (child_lives(&chain->driving))
		kill(chain->driving.pid, SIGKILL);
	while (child_lives(&chain->driving))
		chain_wait(chain, -1, -1);
}

static void take_filesystem_down(struct chain *chain)
{
	bool died = chain->serving.ended;

	if (chain->driving.ended)
		chain_wait_said(chain);
	if (chain->device && died)
		report_serving(chain);
	else if (chain->device && chain->driving.ended)
		report_driver(chain);
	if (chain->device)
		unmount_filesystem(chain);
	end_driver(chain);
	chain_wait_said(chain);
}

/* Nobody but this user can have it open; if he does, the daemon serves him to the end. */
static void unmount_volume(const struct chain *chain, dev_t device)
{
	_cleanup_free_ char *error = NULL;

	if (chain->serving.ended)
		control_forget(device);
	else if (mountpoint_unmount(chain->volume, false, &error) == 0)
		return;
	free(error);
	mountpoint_unmount(chain->volume, true, &error);
}

static void take_volume_down(struct chain *chain)
{
	dev_t device;
	uid_t user;

	if (chain->serves && mountpoint_find(chain->volume, &device, &user) == 0)
		unmount_volume(chain, device);
	if (!chain->serves && child_lives(&chain->serving))
		kill(chain->serving.pid, SIGTERM);
	while (child_lives(&chain->serving))
		chain_wait(chain, -1, -1);
}

static void place_leave(struct chain *chain)
{
	if (!*chain->place)
		return;
	if (*chain->volume)
		unlink(chain->volume);
	rmdir(chain->place);
}

/* 0 if everything is on the device. */
static int take_down(struct chain *chain)
{
	take_filesystem_down(chain);
	take_volume_down(chain);
	place_leave(chain);
	if (!child_well(&chain->serving))
		return -EIO;
	return driver_writes(chain) && (chain->lost || !child_well(&chain->driving)) ? -EIO : 0;
}

static void serve_waiters(struct chain *chain)
{
	int r = chain_socket_open(&chain->socket, chain->device);

	if (r < 0)
		log_warning("%s: umount will not wait: no socket: %s", chain->request->folder,
			    strerror(-r));
}

int chain_run(const struct chain_request *request, char **ret_error)
{
	struct chain chain = {.request = request,
			      .signal_fd = -1,
			      .ready_fd = -1,
			      .said_fd = -1,
			      .socket = {.fd = -1}};
	int r = chain_wait_start(&chain);
	int ended;

	*ret_error = NULL;
	prctl(PR_SET_NAME, "platterfs-chain");
	if (r == 0)
		r = chain_start_volume(&chain);
	if (r == 0)
		r = chain_start_filesystem(&chain, ret_error);
	if (r == 0) {
		serve_waiters(&chain);
		request->ready(request->data);
		keep(&chain);
	}
	ended = take_down(&chain);
	chain_socket_close(&chain.socket, ended);
	if (r == 0 && ended < 0)
		return error_set(ret_error, ended,
				 "unmounted, but not everything is on the device");
	return r;
}
