/* SPDX-License-Identifier: MIT */
/* The parts of doctor.c: one file for each subject. */
#ifndef IMAGE_DOCTOR_CHECKS_H
#define IMAGE_DOCTOR_CHECKS_H

#include <sys/types.h>

#include "image/doctor.h"
#include "image/inspection.h"
#include "image/mount_entry.h"

struct doctor {
	void (*each)(const struct finding *finding, void *data);
	void *data;
	const char *subject;
	bool complaints_only; /* PASS is not worth a line each: there are many images */
	unsigned complaints;
};

/* One finding. `help` may be NULL. */
void doctor_report(struct doctor *doctor, enum finding_verdict verdict, const char *id,
		   const char *help, const char *format, ...) __attribute__((format(printf, 5, 6)));

enum doctor_image_flags {
	DOCTOR_SERVED = 1 << 0,   /* platterfs has it mounted: of course it is locked */
	DOCTOR_ATTACHED = 1 << 1, /* the loop device on it has been told already */
};

/* doctor_image.c: the file itself. */
void doctor_image(struct doctor *doctor, const struct inspection *seen, unsigned flags);

/* doctor_place.c: the filesystem that an open file or folder lies on, its mount, its disk. */
void doctor_place(struct doctor *doctor, int fd);

/* An image and its place; what cannot be opened is a finding too. */
void doctor_whole_image(struct doctor *doctor, const char *path, unsigned flags);

/* doctor_disk.c: a disk or partition by its number, and what it is made of. */
void doctor_disk(struct doctor *doctor, dev_t device);

/* doctor_device.c: a block device that somebody uses, above all a loop device. */
void doctor_device(struct doctor *doctor, dev_t device);

/* doctor_mountpoint.c: the mountpoint, or a volume below it, that the O_PATH descriptor stands for.
 */
void doctor_mountpoint(struct doctor *doctor, int path_fd, const struct mount_entry *entry);

#endif
