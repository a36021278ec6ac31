// SPDX-License-Identifier: MIT
#include "image/doctor_checks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "image/loop.h"
#include "image/loop_attach.h"
#include "image/sysfs.h"
#include "util/macros.h"

/* The loop device a number belongs to, also by one of its partitions. */
static int device_loop(dev_t device, struct loop *ret_loop)
{
	char path[64], name[SYSFS_DISK_BYTES];
	int r;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(device), minor(device));
	r = sysfs_disk(path, name);
	return r < 0 ? r : loop_read(name, ret_loop);
}

/* A volume is never cached, so without direct I/O only the loop device's queue is lost. */
static void check_direct(struct doctor *doctor, const struct loop *loop, bool on_volume)
{
	if (loop->direct)
		doctor_report(doctor, FINDING_PASS, "loop-direct-io", NULL,
			      "it uses direct I/O: nothing is cached twice");
	else if (on_volume)
		doctor_report(doctor, FINDING_WARN, "loop-direct-io", "losetup --direct-io=on",
			      "it does not use direct I/O: nothing is cached on the way all the "
			      "same, but it hands on one request at a time");
	else
		doctor_report(
			doctor, FINDING_FAIL, "loop-direct-io",
			"losetup --direct-io=on; if it stays off, the sector size does not fit "
			"(losetup --sector-size)",
			"it goes through the page cache: everything is cached twice, and a "
			"direct write is not on the disk");
}

static void check_block_size(struct doctor *doctor, const struct loop *loop)
{
	char bytes[16];

	if (sysfs_read(bytes, sizeof(bytes), "/sys/block/%s/queue/logical_block_size",
		       loop->name) == 0)
		doctor_report(doctor, FINDING_PASS, "block-size", NULL,
			      "its logical blocks have %s bytes", bytes);
}

static void check_image(struct doctor *doctor, const struct loop *loop)
{
	doctor_report(doctor, FINDING_WARN, "backing",
		      "detach it and attach the volume of a platterfs mount instead",
		      "it lies directly on the file %s, not on a volume of platterfs: no lock, and "
		      "no check that its blocks stay",
		      loop->backing);
	doctor->subject = loop->backing;
	doctor_whole_image(doctor, loop->backing, DOCTOR_ATTACHED);
}

/*
 * A path of one name, and nothing there: the mount has been detached from its folder. That of a
 * disk, after umount -l, has the number of the disk.
 */
static bool is_attached(const struct loop *loop)
{
	char path[LOOP_NAME_BYTES + sizeof("/dev/")];
	dev_t device;
	ino_t inode;

	snprintf(path, sizeof(path), "/dev/%s", loop->name);
	return strrchr(loop->backing, '/') == loop->backing &&
	       loop_file_at(path, &device, &inode) == 0 && major(device) == 0;
}

static void check_backing(struct doctor *doctor, const struct loop *loop)
{
	_cleanup_fd_ int fd = open(loop->backing, O_PATH | O_CLOEXEC);
	struct mount_entry entry;

	if (fd < 0 && errno == ENOENT && is_attached(loop)) {
		doctor_report(doctor, FINDING_PASS, "backing", NULL,
			      "it lies on %s of a mount that is at no folder, as platterfs attach "
			      "makes it",
			      loop->backing + 1);
		check_direct(doctor, loop, true);
		return;
	}
	if (fd < 0 || mount_entry_find(fd, &entry) < 0) {
		doctor_report(doctor, FINDING_WARN, "backing", NULL,
			      "its file %s is not to be found from here", loop->backing);
		check_direct(doctor, loop, false);
		return;
	}
	if (mount_entry_is_platterfs(&entry)) {
		doctor_report(doctor, FINDING_PASS, "backing", NULL,
			      "it lies on the volume %s of platterfs", loop->backing);
		check_direct(doctor, loop, true);
		doctor->subject = loop->backing;
		doctor_mountpoint(doctor, fd, &entry);
	} else {
		check_direct(doctor, loop, false);
		check_image(doctor, loop);
	}
	mount_entry_destroy(&entry);
}

void doctor_device(struct doctor *doctor, dev_t device)
{
	struct loop loop;
	int r = device_loop(device, &loop);

	if (r == -ENXIO) {
		doctor_report(doctor, FINDING_FAIL, "loop", "losetup --find --direct-io=on FILE",
			      "it is a loop device, but nothing is attached to it");
		return;
	}
	if (r < 0) {
		doctor_report(doctor, FINDING_WARN, "loop", NULL,
			      "it is no loop device: only the disk itself is examined");
		doctor_disk(doctor, device);
		return;
	}
	doctor_report(doctor, FINDING_PASS, "loop", NULL, "it is the loop device %s", loop.name);
	check_block_size(doctor, &loop);
	check_backing(doctor, &loop);
}
