// SPDX-License-Identifier: MIT
#include "image/doctor_checks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "image/partitions.h"
#include "util/macros.h"

/* Of a folder with more images, the others are to be named one by one. */
enum {
	IMAGES_EXAMINED = 16
};

static void check_alive(struct doctor *doctor, const struct mount_entry *entry)
{
	struct statvfs status;

	if (statvfs(entry->target, &status) == 0) {
		doctor_report(doctor, FINDING_PASS, "mount", NULL, "platterfs serves %s at %s",
			      entry->source, entry->target);
		return;
	}
	doctor_report(doctor, FINDING_FAIL, "mount",
		      errno == ENOTCONN ? "platterfs umount it, then mount it again" : NULL,
		      errno == ENOTCONN ? "the platterfs of %s is gone: %s"
					: "%s does not answer: %s",
		      entry->target, strerror(errno));
}

/* "data.img" for the volume /run/images/data.img of the mount /run/images; "" for the mount. */
static void volume_name(int path_fd, const struct mount_entry *entry, char name[PATH_MAX])
{
	size_t prefix = strlen(entry->target);
	char link[32], path[PATH_MAX];
	ssize_t n;

	name[0] = 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return;
	path[n] = 0;
	if (strncmp(path, entry->target, prefix) == 0 && path[prefix] == '/')
		snprintf(name, PATH_MAX, "%s", path + prefix + 1);
}

static void check_folder_image(struct doctor *doctor, int folder_fd, const char *name)
{
	char path[PATH_MAX + 64];
	struct inspection seen;
	const char *reason;

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", folder_fd, name);
	if (inspection_open(path, &seen, &reason) < 0) {
		doctor_report(doctor, FINDING_FAIL, "image", NULL, "it cannot be opened");
		return;
	}
	doctor_image(doctor, &seen, DOCTOR_SERVED);
	inspection_close(&seen);
}

/* Its complaints, or one line that there are none. */
static void check_named_image(const struct doctor *doctor, int folder_fd, const char *name)
{
	struct doctor one = *doctor;

	one.subject = name;
	one.complaints = 0;
	one.complaints_only = true;
	check_folder_image(&one, folder_fd, name);
	one.complaints_only = false;
	if (one.complaints == 0)
		doctor_report(&one, FINDING_PASS, "image", NULL,
			      "mapped, with direct I/O, and no loop device beside platterfs");
}

static int entry_is_image(const struct dirent *entry)
{
	return entry->d_type == DT_REG || entry->d_type == DT_UNKNOWN;
}

static void check_folder(struct doctor *doctor, int folder_fd)
{
	struct dirent **entries;
	int count = scandirat(folder_fd, ".", &entries, entry_is_image, alphasort);

	for (int i = 0; i < count; i++) {
		if (i < IMAGES_EXAMINED)
			check_named_image(doctor, folder_fd, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (count > IMAGES_EXAMINED)
		doctor_report(doctor, FINDING_PASS, "images", "platterfs doctor IMAGE",
			      "%d more images were not examined", count - IMAGES_EXAMINED);
}

static void check_one_image(struct doctor *doctor, const char *path)
{
	const char *subject = doctor->subject;

	doctor->subject = path;
	doctor_whole_image(doctor, path, DOCTOR_SERVED);
	doctor->subject = subject;
}

/* Of a partition, its image. */
static void image_path(const char *source, const char *volume, char path[2 * PATH_MAX])
{
	unsigned number;
	size_t stem = partition_stem(volume, &number);

	snprintf(path, 2 * PATH_MAX, "%s/%s", source, volume);
	if (stem > 0 && access(path, F_OK) < 0)
		snprintf(path, 2 * PATH_MAX, "%s/%.*s", source, (int)stem, volume);
}

/* A folder of images, of which perhaps one is meant, or one image. */
static void check_source(struct doctor *doctor, const char *source, const char *volume)
{
	_cleanup_fd_ int fd = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[2 * PATH_MAX];

	if (fd >= 0 && *volume) {
		image_path(source, volume, path);
		check_one_image(doctor, path);
	} else if (fd >= 0) {
		doctor_place(doctor, fd);
		check_folder(doctor, fd);
	} else if (errno == ENOTDIR) {
		check_one_image(doctor, source);
	} else {
		doctor_report(doctor, FINDING_WARN, "source", NULL, "its source %s: %s", source,
			      strerror(errno));
	}
}

void doctor_mountpoint(struct doctor *doctor, int path_fd, const struct mount_entry *entry)
{
	char volume[PATH_MAX];

	check_alive(doctor, entry);
	volume_name(path_fd, entry, volume);
	check_source(doctor, entry->source, volume);
}
