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
#include "mount/slow.h"

struct session {
	char *source;     /* absolute */
	char *mountpoint; /* absolute */
	dev_t device;     /* of the mount: no other has it */
	struct mount_options *options;
	struct names names;
	struct lanes lanes;
	struct control control;
	struct slow_queue slow;
	struct fuse_session *fuse;
	bool refused; /* the kernel, or this machine, did not go on with fuse-uring */
};

/*
 * Opens `source` (a folder or an image) and unlocks what it can, asking at the terminal if it must:
 * before there are threads, and while signals still end us. 0, or negative errno and *ret_error the
 * reason, to be freed (NULL: errno says it). A dead platterfs mount at `mountpoint` is removed.
 * `options` must outlive the session.
 */
int session_open(struct session *session, const char *source, const char *mountpoint,
		 struct mount_options *options, char **ret_error);

/*
 * Mounts it. 0 once it serves; or negative errno and *ret_error likewise, with nothing left mounted
 * and the session closed.
 */
int session_start(struct session *session, char **ret_error);

/*
 * Waits until it is unmounted, by umount(8), SIGTERM or SIGINT, and every volume is flushed and
 * closed. 0, or the negative errno of the first flush that failed.
 */
int session_wait(struct session *session);

#endif
