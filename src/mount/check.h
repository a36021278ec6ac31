/* SPDX-License-Identifier: MIT */
/* Runs the fsck(8) program of a filesystem. */
#ifndef MOUNT_CHECK_H
#define MOUNT_CHECK_H

/* Of fsck(8). */
enum {
	CHECK_CLEAN = 0,
	CHECK_CORRECTED = 1,
	CHECK_REBOOT = 2,
	CHECK_UNCORRECTED = 4,
	CHECK_FAILED = 8,
};

/*
 * `fsck.TYPE OPTION... DEVICE`; `options` ends with NULL. Its exit code, or negative errno: -ENOENT
 * if there is no such program.
 */
int check_run(const char *type, char *const options[], const char *device);

#endif
