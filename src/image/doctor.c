// SPDX-License-Identifier: MIT
#include "image/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "image/doctor_checks.h"
#include "util/macros.h"

void doctor_report(struct doctor *doctor, enum finding_verdict verdict, const char *id,
		   const char *help, const char *format, ...)
{
	char sentence[PATH_MAX + 256];
	struct finding finding = {verdict, id, doctor->subject, sentence, help};
	va_list arguments;

	doctor->complaints += verdict != FINDING_PASS;
	if (verdict == FINDING_PASS && doctor->complaints_only)
		return;
	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	doctor->each(&finding, doctor->data);
}

const char *finding_verdict_name(enum finding_verdict verdict)
{
	static const char *const names[] = {"PASS", "WARN", "FAIL"};

	return names[verdict];
}

/* The daemon of a mount is not asked: it may be gone. */
static bool examine_mountpoint(struct doctor *doctor, int path_fd)
{
	struct mount_entry entry;
	bool ours;

	if (mount_entry_find(path_fd, &entry) < 0)
		return false;
	ours = mount_entry_is_platterfs(&entry);
	if (ours)
		doctor_mountpoint(doctor, path_fd, &entry);
	mount_entry_destroy(&entry);
	return ours;
}

static int examine_file(struct doctor *doctor, const char *path, const struct stat *status,
			const char **ret_reason)
{
	switch (status->st_mode & S_IFMT) {
	case S_IFREG:
		doctor_whole_image(doctor, path, 0);
		return 0;
	case S_IFBLK:
		doctor_device(doctor, status->st_rdev);
		return 0;
	case S_IFDIR:
		*ret_reason = "a folder, but platterfs is not mounted there; name an image, a "
			      "mountpoint or a block device";
		return -EISDIR;
	default:
		*ret_reason = "neither an image, a mountpoint nor a block device";
		return -EINVAL;
	}
}

int doctor_examine(const char *path, void (*each)(const struct finding *finding, void *data),
		   void *data, const char **ret_reason)
{
	struct doctor doctor = {.each = each, .data = data, .subject = path};
	_cleanup_fd_ int path_fd = open(path, O_PATH | O_CLOEXEC);
	struct stat status;

	*ret_reason = NULL;
	if (path_fd < 0)
		return -errno;
	if (examine_mountpoint(&doctor, path_fd))
		return 0;
	if (fstat(path_fd, &status) < 0)
		return -errno;
	return examine_file(&doctor, path, &status, ret_reason);
}
