// SPDX-License-Identifier: MIT
#include "image/doctor_checks.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "image/filesystem.h"
#include "util/macros.h"

/* A mount option under which an fsync or a direct write is not what it says. */
struct unsafe_option {
	const char *type; /* prefix of the filesystem's type; NULL: any */
	const char *name;
	const char *value; /* NULL: none */
	enum finding_verdict verdict;
	const char *sentence;
	const char *help;
};

static const struct unsafe_option unsafe_options[] = {
	{NULL, "nobarrier", NULL, FINDING_FAIL,
	 "mounted with nobarrier: fsync does not empty the disk's cache", "mount it with barrier"},
	{NULL, "barrier", "0", FINDING_FAIL,
	 "mounted with barrier=0: fsync does not empty the disk's cache",
	 "mount it with barrier=1"},
	{NULL, "barrier", "none", FINDING_FAIL,
	 "mounted with barrier=none: fsync does not empty the disk's cache",
	 "mount it with barrier=flush"},
	{"f2fs", "fsync_mode", "nobarrier", FINDING_FAIL,
	 "mounted with fsync_mode=nobarrier: fsync does not empty the disk's cache",
	 "mount it with fsync_mode=posix"},
	{"f2fs", "mode", "lfs", FINDING_FAIL,
	 "mounted with mode=lfs: each write goes to new blocks", "mount it with mode=adaptive"},
	{"ext", "data", "journal", FINDING_FAIL,
	 "mounted with data=journal: direct I/O silently goes through the page cache",
	 "mount it with data=ordered"},
	{"ext", "data", "writeback", FINDING_WARN,
	 "mounted with data=writeback: blocks written through holes may show old contents after a "
	 "crash",
	 "mount it with data=ordered, or keep every image mapped"},
	{"ext", "journal_async_commit", NULL, FINDING_WARN,
	 "mounted with journal_async_commit: metadata may be lost although fsync returned",
	 "mount it without"},
	{"nfs", "soft", NULL, FINDING_WARN,
	 "mounted with soft: when the server is slow, writes fail instead of waiting",
	 "mount it with hard"},
	{"btrfs", "notreelog", NULL, FINDING_WARN,
	 "mounted with notreelog: each fsync commits the whole filesystem",
	 "mount it with treelog"},
	{NULL, "ro", NULL, FINDING_WARN, "mounted read-only: no image can be written",
	 "mount -o remount,rw"},
};

static void check_kind(struct doctor *doctor, int fd, const struct mount_entry *entry)
{
	const struct filesystem *filesystem = filesystem_find(fd);

	switch (filesystem ? filesystem->kind : FILESYSTEM_ORDINARY) {
	case FILESYSTEM_MEMORY:
		doctor_report(doctor, FINDING_FAIL, "filesystem", "keep the image on a disk",
			      "%s (%s) is memory only: without power everything is gone",
			      entry->target, entry->type);
		break;
	case FILESYSTEM_NETWORK:
		doctor_report(doctor, FINDING_WARN, "filesystem",
			      "export it with sync, or keep the image on a disk of this machine",
			      "%s (%s) is a network filesystem: its server decides what is durable",
			      entry->target, entry->type);
		break;
	case FILESYSTEM_FUSE:
		doctor_report(doctor, FINDING_WARN, "filesystem",
			      "keep the image on a disk filesystem",
			      "%s (%s) is served by a program, which decides what is durable",
			      entry->target, entry->type);
		break;
	case FILESYSTEM_STACKED:
		doctor_report(doctor, FINDING_WARN, "filesystem",
			      "keep the image outside, in a volume of the container for example",
			      "%s (%s) lies on other filesystems, which this check does not see",
			      entry->target, entry->type);
		break;
	case FILESYSTEM_ORDINARY:
	case FILESYSTEM_COPY_ON_WRITE:
		doctor_report(doctor, FINDING_PASS, "filesystem", NULL, "%s on %s, mounted at %s",
			      entry->type, entry->source, entry->target);
		break;
	}
}

static bool option_is_set(const struct unsafe_option *option, const struct mount_entry *entry)
{
	if (option->type && strncmp(entry->type, option->type, strlen(option->type)) != 0)
		return false;
	return mount_entry_has(entry, option->name, option->value);
}

static void check_options(struct doctor *doctor, const struct mount_entry *entry)
{
	unsigned before = doctor->complaints;

	for (size_t i = 0; i < ARRAY_LENGTH(unsafe_options); i++) {
		const struct unsafe_option *option = &unsafe_options[i];

		if (option_is_set(option, entry))
			doctor_report(doctor, option->verdict, "mount-options", option->help, "%s",
				      option->sentence);
	}
	if (doctor->complaints == before)
		doctor_report(doctor, FINDING_PASS, "mount-options", NULL,
			      "no mount option weakens fsync");
}

/* btrfs, and others of several disks, have a number of their own: then the source is asked. */
static dev_t mount_device(const struct mount_entry *entry)
{
	struct stat status;

	if (major(entry->device) != 0)
		return entry->device;
	if (stat(entry->source, &status) == 0 && S_ISBLK(status.st_mode))
		return status.st_rdev;
	return 0;
}

void doctor_place(struct doctor *doctor, int fd)
{
	struct mount_entry entry;

	if (mount_entry_find(fd, &entry) < 0) {
		doctor_report(doctor, FINDING_WARN, "filesystem", "mount /proc",
			      "its mount is not to be found in /proc/self/mountinfo");
		return;
	}
	check_kind(doctor, fd, &entry);
	check_options(doctor, &entry);
	if (mount_device(&entry))
		doctor_disk(doctor, mount_device(&entry));
	mount_entry_destroy(&entry);
}
