// SPDX-License-Identifier: MIT
#include "image/doctor_checks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "image/loop.h"
#include "image/sysfs.h"
#include "util/macros.h"

enum {
	DISK_DEPTH = 8, /* device-mapper on md on partitions ...; no chain is longer */
};

static void check_disk(struct doctor *doctor, const char *name, unsigned depth);

static void check_loop_below(struct doctor *doctor, const char *name)
{
	struct loop loop;

	if (loop_read(name, &loop) < 0)
		return;
	if (loop.direct)
		doctor_report(doctor, FINDING_PASS, "loop-below", NULL,
			      "/dev/%s below uses direct I/O on %s", name, loop.backing);
	else
		doctor_report(
			doctor, FINDING_WARN, "loop-below",
			"losetup --direct-io=on, or a volume of platterfs below it",
			"/dev/%s below goes through the page cache of %s: everything is cached "
			"twice, and is durable only after fsync",
			name, loop.backing);
}

static void check_nature(struct doctor *doctor, const char *name)
{
	if (strncmp(name, "zram", 4) == 0 || strncmp(name, "ram", 3) == 0)
		doctor_report(doctor, FINDING_FAIL, "disk", "keep the image on a real disk",
			      "/dev/%s is memory: without power everything is gone", name);
	else if (strncmp(name, "nbd", 3) == 0 || strncmp(name, "rbd", 3) == 0)
		doctor_report(
			doctor, FINDING_WARN, "disk", NULL,
			"/dev/%s is served over the network: its server decides what is durable",
			name);
}

static void check_cache(struct doctor *doctor, const char *name)
{
	char cache[32], fua[8] = "";

	if (sysfs_read(cache, sizeof(cache), "/sys/block/%s/queue/write_cache", name) < 0)
		return;
	sysfs_read(fua, sizeof(fua), "/sys/block/%s/queue/fua", name);
	if (strcmp(cache, "write back") != 0)
		doctor_report(
			doctor, FINDING_PASS, "write-cache", NULL,
			"/dev/%s says it has no volatile write cache: a write is durable when it "
			"is done",
			name);
	else
		doctor_report(
			doctor, FINDING_PASS, "write-cache", NULL,
			"/dev/%s has a volatile write cache, which each fsync empties; a single "
			"synchronous write %s",
			name, fua[0] == '1' ? "need not (FUA)" : "empties it too (no FUA)");
}

/* What a device-mapper or md device is made of. False if it is made of nothing. */
static bool check_slaves(struct doctor *doctor, const char *name, unsigned depth)
{
	char path[PATH_MAX];
	struct dirent *entry;
	bool any = false;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/block/%s/slaves", name);
	folder = opendir(path);
	if (!folder)
		return false;
	while ((entry = readdir(folder))) {
		char slave[PATH_MAX], disk[SYSFS_DISK_BYTES];

		snprintf(slave, sizeof(slave), "/sys/class/block/%s", entry->d_name);
		if (entry->d_name[0] == '.' || sysfs_disk(slave, disk) < 0)
			continue;
		check_disk(doctor, disk, depth + 1);
		any = true;
	}
	closedir(folder);
	return any;
}

static void check_disk(struct doctor *doctor, const char *name, unsigned depth)
{
	if (depth >= DISK_DEPTH || check_slaves(doctor, name, depth))
		return;
	check_nature(doctor, name);
	check_loop_below(doctor, name);
	check_cache(doctor, name);
}

void doctor_disk(struct doctor *doctor, dev_t device)
{
	char path[64], name[SYSFS_DISK_BYTES];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(device), minor(device));
	if (sysfs_disk(path, name) == 0)
		check_disk(doctor, name, 0);
	else
		doctor_report(doctor, FINDING_WARN, "disk", NULL,
			      "the disk %u:%u is not to be found in /sys", major(device),
			      minor(device));
}
