// SPDX-License-Identifier: MIT
/* SEEK_DATA and SEEK_HOLE, as the image has them; the kernel answers every other lseek(2) itself.
 */
#include <errno.h>
#include <unistd.h>

#include "data/lane.h"
#include "data/volume.h"

static int64_t seek_image(const struct volume *volume, uint64_t offset, int whence)
{
	off_t found;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return -EINVAL;
	if (offset >= volume->size_bytes)
		return -ENXIO;
	/* A hole of the image holds no zeros once it is decrypted. */
	if (volume->sectors)
		return whence == SEEK_DATA ? (int64_t)offset : (int64_t)volume->size_bytes;
	/* Nobody uses the position of this descriptor. */
	found = lseek(volume->image.buffered_fd, (off_t)(volume->start_bytes + offset), whence);
	if (found < 0)
		return -errno;
	if ((uint64_t)found - volume->start_bytes >= volume->size_bytes)
		return whence == SEEK_DATA ? -ENXIO : (int64_t)volume->size_bytes;
	return (int64_t)((uint64_t)found - volume->start_bytes);
}

void seek_start(struct request *request)
{
	const struct fuse_lseek_in *in = request->arguments;
	int64_t found = seek_image(request->volume, in->offset, (int)in->whence);

	if (found < 0) {
		request_reply(request, (int)found, NULL, 0);
		return;
	}
	request->body.lseek.offset = (uint64_t)found;
	request_reply(request, 0, &request->body.lseek, sizeof(request->body.lseek));
}
