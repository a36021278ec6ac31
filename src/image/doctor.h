/* SPDX-License-Identifier: MIT */
/* What stands between an image and one flush for each fsync: findings, in sentences. */
#ifndef IMAGE_DOCTOR_H
#define IMAGE_DOCTOR_H

#include <stdbool.h>

enum finding_verdict {
	FINDING_PASS,
	FINDING_WARN,
	FINDING_FAIL,
};

struct finding {
	enum finding_verdict verdict;
	const char *id;       /* static, for scripts: "extents" */
	const char *subject;  /* the image, device or mountpoint it is about */
	const char *sentence; /* what was found, and what follows from it */
	const char *help;     /* what would help, or NULL */
};

/*
 * Examines an image, a block device or a platterfs mountpoint and calls `each` for every finding in
 * order; its strings are gone when it returns. Changes nothing and takes no lock. 0, or negative
 * errno and *ret_reason (static or NULL) if `path` cannot be examined at all.
 */
int doctor_examine(const char *path, void (*each)(const struct finding *finding, void *data),
		   void *data, const char **ret_reason);

/* "PASS", "WARN", "FAIL". */
const char *finding_verdict_name(enum finding_verdict verdict);

#endif
