/* SPDX-License-Identifier: MIT */
/* What /sys tells about disks. */
#ifndef IMAGE_SYSFS_H
#define IMAGE_SYSFS_H

#include <stddef.h>

#define SYSFS_DISK_BYTES 64

/*
 * The first line of a file, without its newline, cut to text_bytes - 1. 0, or negative errno with
 * *text untouched.
 */
int sysfs_read(char *text, size_t text_bytes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * The disk of a block device's folder ("/sys/dev/block/8:1", "/sys/class/block/sda1"): "sda" for
 * sda and for its partition sda1. 0, or negative errno with `name` untouched.
 */
int sysfs_disk(const char *path, char name[SYSFS_DISK_BYTES]);

#endif
