/* SPDX-License-Identifier: MIT */
/*
 * How commands talk to the daemon of a mount: a socket named after the mount's device number, so
 * that a command finds it without asking other daemons, of which one may be stuck. It lies in
 * /run/platterfs (root) or /run/user/UID/platterfs, without a login session in /tmp/platterfs-UID;
 * who listens there must be that user. A client sends one word, ended by a NUL:
 *   status   gets a JSON object, as in `platterfs status --json`
 *   wait     gets "done\n" when all is flushed and closed, "failed\n" if that failed; a connection
 *            that ends without either means that the daemon died
 *   grow SIZE DEVICE:INODE NAME
 *   grow-noise SIZE DEVICE:INODE NAME   with noise in the new part, not zeros
 *            makes the image that long, in bytes, while it is served, if it is that file; gets
 *            "progress BYTES\n" now and then, and at the end "ok\n", "busy\n" (it is growing
 *            already), or "failed " and a line with the reason. Who hangs up, or shuts his side
 *            down, cancels: then, as after every failure, the image has its old size
 *   lock NAME
 *   unlock NAME             with what its options say
 *   unlock-passphrase NAME  with the bytes that follow, to the end of what the client sends
 *   unlock-keyfile NAME     likewise, the content of a keyfile
 *            get "ok\n", "ask\n" (a passphrase is needed), or "failed " and a line with the reason
 */
#ifndef MOUNT_CONTROL_H
#define MOUNT_CONTROL_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "crypt/unlock.h"

struct json_object;
struct session;

enum {
	CONTROL_WAITERS = 16, /* commands that may wait for the end of one mount */
	CONTROL_POLLS = 4     /* what else the thread waits for: stop, signal, log, clients */
};

struct control {
	struct session *session;
	pthread_t thread;
	char *path;    /* of the socket; NULL: none could be made */
	int listen_fd; /* -1 likewise */
	ino_t inode;   /* of the socket */
	int signal_fd;
	int stop_fd;   /* eventfd(2) */
	bool detached; /* a signal has unmounted it, once */
	int waiters[CONTROL_WAITERS];
	unsigned waiter_count;

	/* Unlocking takes seconds: each runs in a thread of its own. */
	pthread_mutex_t unlocking_mutex;
	pthread_cond_t unlocking_done;
	unsigned unlocking;

	/* Growing takes minutes, likewise. */
	pthread_mutex_t growth_mutex;
	pthread_cond_t growth_done;
	unsigned growing;
	_Atomic bool growth_over; /* the mount ends: nothing grows any more */
};

/* SIGTERM, SIGINT and SIGHUP must be blocked in all threads. 0 or negative errno. */
int control_start(struct control *control, struct session *session);

/* Tells the waiters how it ended. */
void control_stop(struct control *control, int result);

/*
 * For commands. Calls `each` with the status of every mount of ours (root: of everybody), until it
 * returns nonzero, which is returned. `mount` is NULL if the daemon behind the socket does not
 * answer within two seconds; otherwise it is freed afterwards.
 */
int control_each(int (*each)(struct json_object *mount, const char *socket_path, void *data),
		 void *data);

/* The mount's device number by the name of its socket, and who runs its daemon. 0 or -ENOENT. */
int control_identify(const char *socket_path, dev_t *ret_device, uid_t *ret_user);

/*
 * The status of the mount with this device number, by the daemon of this user; *ret_mount, which
 * the caller puts, is NULL if it does not answer. 0, or negative errno if nobody listens.
 */
int control_status(dev_t device, uid_t user, struct json_object **ret_mount);

/*
 * Has a volume of that mount locked, or unlocked: with what its options say if `passphrase` is
 * NULL. 0, or negative errno and the daemon's reason: -ENOKEY if a passphrase is needed, -EIO if it
 * refused, or that of connecting.
 */
int control_lock(dev_t device, uid_t user, const char *volume,
		 char ret_reason[UNLOCK_REASON_BYTES]);
int control_unlock(dev_t device, uid_t user, const char *volume,
		   const struct passphrase *passphrase, bool keyfile,
		   char ret_reason[UNLOCK_REASON_BYTES]);

struct control_growth {
	const char *volume;
	dev_t image_device; /* which file it must be */
	ino_t image_inode;
	uint64_t to_bytes; /* size of the image */
	bool noise;
	/* Told how far it is, several times a second; nonzero: cancel. */
	int (*watch)(void *context, uint64_t done_bytes);
	void *context;
};

/*
 * Has it make an image longer, and the volume. Returns when that is done. Errors as control_lock(),
 * and the image has its old size: -EBUSY if it is growing already.
 */
int control_grow(dev_t device, uid_t user, const struct control_growth *growth,
		 char ret_reason[UNLOCK_REASON_BYTES]);

/* Removes the socket of a daemon of ours that has died. */
void control_forget(dev_t device);

/* Asks the same daemon to tell when it is done. A descriptor for the answer, or negative errno. */
int control_wait(dev_t device, uid_t user);
/* The same of the keeper of a chain (chain.h), by the number of the filesystem's mount. */
int control_wait_chain(dev_t device, uid_t user);
/*
 * Waits for that answer, and closes the descriptor. 0, -EIO if the last flush failed, or
 * -ECONNRESET if the daemon died.
 */
int control_wait_end(int fd);

#endif
