// SPDX-License-Identifier: MIT
#include "mount/passthrough.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "mount/node.h"
#include "util/log.h"
#include "util/macros.h"

/*
 * As Linux 6.9 defined it (include/uapi/linux/fuse.h, interface version 7.40), since Debian 12's
 * headers are older. INIT: bit 37, so bit 5 of flags2.
 */
#define INIT_PASSTHROUGH      (1u << (37 - 32))
#define OPEN_PASSTHROUGH      (1u << 7)
#define DEV_IOC_BACKING_OPEN  _IOW(FUSE_DEV_IOC_MAGIC, 1, struct backing_map)
#define DEV_IOC_BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)

struct backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};

/* By the reply to INIT. A session is all that a process has. */
static bool accepted;

void passthrough_init(const struct fuse_init_in *in, struct fuse_init_out *out)
{
	/* The image may be on any filesystem that is not stacked on another itself. */
	uint32_t max_stack_depth = 1;

	accepted = in->flags & FUSE_INIT_EXT && in->flags2 & INIT_PASSTHROUGH;
	if (!accepted)
		return;
	out->flags |= FUSE_INIT_EXT;
	out->flags2 |= INIT_PASSTHROUGH;
	memcpy(out->unused, &max_stack_depth, sizeof(max_stack_depth));
}

/* The kernel knows the whole image only, and nothing of keys. */
static const char *impossible(const struct volume *volume)
{
	if (volume->sectors)
		return "an encrypted volume";
	if (volume->start_bytes != 0 || volume->size_bytes != volume->image.size_bytes)
		return "a window of an image";
	if (volume->image.direct_end_bytes != volume->image.size_bytes)
		return "an image of odd size";
	return NULL;
}

void passthrough_begin(struct node *node, bool wanted, int fuse_fd)
{
	struct backing_map map = {.fd = node->volume.image.direct_fd};
	const char *reason = impossible(&node->volume);

	node->backing_id = 0;
	if (!wanted)
		return;
	if (!reason && !accepted)
		reason = "this kernel does not offer it (Linux 6.9, CONFIG_FUSE_PASSTHROUGH)";
	if (!reason)
		node->backing_id = ioctl(fuse_fd, DEV_IOC_BACKING_OPEN, &map);
	if (node->backing_id < 0)
		reason = errno == EPERM ? "only root may" : strerror(errno);
	if (reason)
		log_warning("%s: no passthrough: %s", node->name, reason);
	node->backing_id = reason ? 0 : node->backing_id;
}

void passthrough_end(struct node *node, int fuse_fd)
{
	uint32_t backing_id = (uint32_t)node->backing_id;

	if (backing_id && ioctl(fuse_fd, DEV_IOC_BACKING_CLOSE, &backing_id) < 0)
		log_warning("%s: passthrough: %s", node->name, strerror(errno));
	node->backing_id = 0;
}

/*
 * Once the kernel has the image of a file, each open must name it. FOPEN_DIRECT_IO beside it: reads
 * and writes come to the daemon all the same; without it, and without O_DIRECT, they would end in
 * the page cache of the image, also where volumes are cached. O_APPEND would move the end of the
 * image.
 */
void passthrough_open(const struct fuse_open_in *in, struct fuse_open_out *out)
{
	const struct volume *volume = (const struct volume *)(uintptr_t)out->fh;
	const struct node *node = CONTAINER_OF(volume, struct node, volume);

	if (!node->backing_id)
		return;
	if (in->flags & O_DIRECT && !(in->flags & O_APPEND))
		out->open_flags = 0;
	else
		out->open_flags |= FOPEN_DIRECT_IO;
	out->open_flags |= OPEN_PASSTHROUGH;
	memcpy(&out->padding, &node->backing_id, sizeof(out->padding));
}
