// SPDX-License-Identifier: MIT
#include "mount/content.h"

#include <blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "crypt/secret.h"
#include "crypt/sector.h"
#include "util/macros.h"

/* Superblocks lie in the first part; the last of them is that of UDF, at 512 KiB. */
#define CONTENT_BYTES (1 * MIB)

static int read_start(int fd, uint64_t at, char *bytes, size_t length, const struct volume_key *key)
{
	struct sectors *sectors;
	const char *reason;
	ssize_t got = pread(fd, bytes, length, (off_t)at);
	int r;

	if (got != (ssize_t)length)
		return got < 0 ? -errno : -EIO;
	if (!key)
		return 0;
	r = sectors_new(key, 1, &sectors, &reason);
	if (r < 0)
		return r;
	r = sectors_decrypt(sectors, 0, bytes, length, 0);
	sectors_free(sectors);
	return r;
}

/* Neither is found: nothing there. More than one is: whatever it is, it was no noise. */
static int probe(blkid_probe prober, char ret_type[CONTENT_TYPE_BYTES])
{
	const char *type = "";
	int found;

	blkid_probe_enable_superblocks(prober, 1);
	blkid_probe_set_superblocks_flags(prober, BLKID_SUBLKS_TYPE);
	blkid_probe_enable_partitions(prober, 1);
	found = blkid_do_safeprobe(prober);
	if (found == -1)
		return -EIO;
	if (found == -2)
		type = "several";
	else if (found == 0 && blkid_probe_lookup_value(prober, "TYPE", &type, NULL) < 0 &&
		 blkid_probe_lookup_value(prober, "PTTYPE", &type, NULL) < 0)
		type = "";
	snprintf(ret_type, CONTENT_TYPE_BYTES, "%s", type);
	return 0;
}

/* libblkid wants a file: one of the volume's size, with its start. */
static int probe_bytes(const char *bytes, size_t length, uint64_t size_bytes,
		       char ret_type[CONTENT_TYPE_BYTES])
{
	_cleanup_fd_ int fd = memfd_create("platterfs-content", MFD_CLOEXEC);
	blkid_probe prober;
	int r = -ENOMEM;

	if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
		return -errno;
	if (pwrite(fd, bytes, length, 0) != (ssize_t)length)
		return -ENOMEM;
	prober = blkid_new_probe();
	if (prober && blkid_probe_set_device(prober, fd, 0, 0) == 0)
		r = probe(prober, ret_type);
	blkid_free_probe(prober);
	return r;
}

int content_type(int fd, uint64_t at, uint64_t size_bytes, const struct volume_key *key,
		 char ret_type[CONTENT_TYPE_BYTES])
{
	size_t length = (size_t)min_u64(CONTENT_BYTES, size_bytes);
	char *bytes = malloc(length);
	int r = bytes ? read_start(fd, at, bytes, length, key) : -ENOMEM;

	if (r == 0)
		r = probe_bytes(bytes, length, size_bytes, ret_type);
	if (bytes)
		secret_wipe(bytes, length);
	free(bytes);
	return r;
}
