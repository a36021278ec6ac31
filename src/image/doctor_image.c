// SPDX-License-Identifier: MIT
#include "image/doctor_checks.h"

#include <fcntl.h>
#include <string.h>

#include "image/filesystem.h"
#include "image/loop.h"
#include "util/size.h"

/* As image_lock() takes it: byte 100 + bit 1, "I write". */
#define LOCK_WRITER_BYTE 101

#define HELP_COPY                                                                                  \
	"make a new image on ext4 or XFS with platterfs create and copy this one into it "         \
	"(dd conv=notrunc)"
#define HELP_PREPARE "platterfs prepare IMAGE writes them in place, contents unchanged"

static void check_direct(struct doctor *doctor, const struct inspection *seen)
{
	if (!seen->direct)
		doctor_report(
			doctor, FINDING_FAIL, "direct-io",
			"keep the image on a filesystem with direct I/O; ext4 has none with "
			"data=journal",
			"its filesystem has no direct I/O for it: every write would stay in the "
			"page cache");
	else
		doctor_report(doctor, FINDING_PASS, "direct-io", NULL,
			      "direct I/O works, in units of %u bytes", seen->block_bytes);
}

static void check_copy_on_write(struct doctor *doctor, const struct inspection *seen)
{
	const struct filesystem *filesystem = filesystem_find(seen->fd);

	if (!filesystem || filesystem->kind != FILESYSTEM_COPY_ON_WRITE)
		return;
	if (seen->copy_on_write)
		doctor_report(doctor, FINDING_FAIL, "copy-on-write",
			      "make a new image with platterfs create, which sets NOCOW where the "
			      "filesystem knows it, and copy this one into it (dd conv=notrunc)",
			      "%s writes each change to new blocks, so that every write changes "
			      "metadata",
			      filesystem->name);
	else
		doctor_report(
			doctor, FINDING_WARN, "copy-on-write",
			"ext4 or XFS need no metadata; snapshots of an image turn copy on write "
			"on again",
			"%s keeps this image in place (NOCOW), but may still write its log tree "
			"on fsync",
			filesystem->name);
}

static void report_extents(struct doctor *doctor, enum finding_verdict verdict, uint64_t bytes,
			   const char *what, const char *help)
{
	char text[SIZE_TEXT_BYTES];

	if (bytes > 0)
		doctor_report(doctor, verdict, "extents", help, "%s of %s",
			      size_format(bytes, text), what);
}

static void check_extents(struct doctor *doctor, const struct inspection *seen)
{
	const struct extent_summary *extents = &seen->extents;

	if (!seen->extents_known) {
		doctor_report(
			doctor, FINDING_WARN, "extents", HELP_COPY,
			"its filesystem does not tell where the image lies, so nobody knows what "
			"a write changes");
		return;
	}
	if (seen->size_bytes == 0) {
		doctor_report(doctor, FINDING_WARN, "extents", NULL, "the image is empty");
		return;
	}
	if (extents_mapped(extents))
		doctor_report(doctor, FINDING_PASS, "extents", NULL,
			      "every block is allocated, written and unshared");
	report_extents(doctor, FINDING_WARN, extents->hole,
		       "it are holes: the first write to each block allocates it, and may find the "
		       "filesystem full",
		       HELP_PREPARE);
	report_extents(doctor, FINDING_WARN, extents->unwritten,
		       "it are allocated but never written: the first write to each block changes "
		       "metadata",
		       HELP_PREPARE);
	report_extents(
		doctor, FINDING_WARN, extents->shared,
		"it are shared with another file: the first write to each block goes elsewhere",
		HELP_PREPARE);
	report_extents(
		doctor, FINDING_FAIL, extents->encoded,
		"it are compressed, encrypted or kept in metadata by the filesystem: there is no "
		"block to write to",
		HELP_COPY);
}

/* Only asked for, not taken: whoever opens it at this moment must not be refused because of us. */
static void check_lock(struct doctor *doctor, const struct inspection *seen)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_WRITER_BYTE, .l_len = 1};

	if (fcntl(seen->fd, F_OFD_GETLK, &lock) < 0)
		doctor_report(doctor, FINDING_WARN, "lock", NULL,
			      "its filesystem has no locks: nothing keeps a second writer out");
	else if (lock.l_type != F_UNLCK)
		doctor_report(
			doctor, FINDING_WARN, "lock", "lsof or fuser tells who it is",
			"another program (platterfs or QEMU) has it open for writing; a second "
			"one is refused");
	else
		doctor_report(doctor, FINDING_PASS, "lock", NULL,
			      "no other program holds the lock for writing");
}

static void check_loop(struct doctor *doctor, const struct inspection *seen, unsigned flags)
{
	struct loop loop;

	if (!loop_find(seen->device, seen->inode, &loop)) {
		doctor_report(doctor, FINDING_PASS, "attached", NULL,
			      "no kernel loop device lies directly on it");
		return;
	}
	doctor_report(doctor, loop.direct && !(flags & DOCTOR_SERVED) ? FINDING_WARN : FINDING_FAIL,
		      "attached", "detach it and attach the volume of the platterfs mount instead",
		      "/dev/%s lies directly on it, takes no lock%s", loop.name,
		      loop.direct ? " and bypasses platterfs"
				  : " and keeps what is written in the page cache");
}

void doctor_image(struct doctor *doctor, const struct inspection *seen, unsigned flags)
{
	check_extents(doctor, seen);
	check_copy_on_write(doctor, seen);
	check_direct(doctor, seen);
	if (!(flags & DOCTOR_SERVED))
		check_lock(doctor, seen);
	if (!(flags & DOCTOR_ATTACHED))
		check_loop(doctor, seen, flags);
}

void doctor_whole_image(struct doctor *doctor, const char *path, unsigned flags)
{
	struct inspection seen;
	const char *reason;
	int r = inspection_open(path, &seen, &reason);

	if (r < 0) {
		doctor_report(doctor, FINDING_FAIL, "image", NULL, "it cannot be opened: %s",
			      reason ? reason : strerror(-r));
		return;
	}
	doctor_image(doctor, &seen, flags);
	doctor_place(doctor, seen.fd);
	inspection_close(&seen);
}
