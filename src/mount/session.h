/* SPDX-License-Identifier: MIT */
/*
 * A session: one mount, from mount(2) to the last reply. Its threads:
 *   lanes     READ, WRITE, FSYNC, FALLOCATE, LSEEK (src/data)
 *   session   every other FUSE request, through libfuse; a few, since an open may flush and scan a
 *             large image, and others should not wait for it
 *   control   signals, the log of the lanes, and the socket that `status` and `umount` talk to
 *   main      waits for the lanes, then ends the others
 */
#ifndef MOUNT_SESSION_H
#define MOUNT_SESSION_H

#include "data/lane.h"
#include "mount/control.h"
#include "mount/namespace.h"

struct slow;

enum {
	SESSION_THREADS = 4
};

struct session {
	char *source;     /* absolute */
	char *mountpoint; /* absolute */
	dev_t device;     /* of the mount: no other has it */
	struct mount_options *options;
	struct names names;
	struct lanes lanes;
	struct control control;
	struct fuse_session *fuse;

	/* Slow requests: copies, from the lanes to the session's threads. */
	pthread_t threads[SESSION_THREADS];
	unsigned thread_count;
	pthread_mutex_t mutex;
	pthread_cond_t arrived;
	struct slow *first, **last;
	bool ending;
};

/*
 * Mounts `source` (a folder or an image) and serves it. 0 once it serves; or negative errno and
 * *ret_error the reason, to be freed (NULL: errno says it), with nothing left mounted. A dead
 * platterfs mount at `mountpoint` is replaced. `options` must outlive the session.
 */
int session_start(struct session *session, const char *source, const char *mountpoint,
		  struct mount_options *options, char **ret_error);

/*
 * Waits until it is unmounted, by umount(8), SIGTERM or SIGINT, and every volume is flushed and
 * closed. 0, or the negative errno of the first flush that failed.
 */
int session_wait(struct session *session);

#endif
