// SPDX-License-Identifier: MIT
#include "image/loop_attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "image/loop.h"
#include "image/sysfs.h"
#include "util/macros.h"

/* Major number of loop devices: Documentation/admin-guide/devices.txt. */
#define LOOP_MAJOR 7

enum {
	ATTEMPTS = 64,     /* at a free device that somebody else is faster to take */
	CLEAR_POLLS = 100, /* until somebody else has closed it, which we cannot wait for */
	CLEAR_POLL_MS = 20,
};

static uint32_t request_flags(const struct loop_request *request)
{
	return LO_FLAGS_DIRECT_IO | (request->read_only ? LO_FLAGS_READ_ONLY : 0) |
	       (request->autoclear ? LO_FLAGS_AUTOCLEAR : 0) |
	       (request->partscan ? LO_FLAGS_PARTSCAN : 0);
}

static int configure(int fd, const struct loop_request *request)
{
	struct loop_config config = {.fd = (uint32_t)request->file_fd,
				     .block_size = request->sector_bytes,
				     .info = {.lo_flags = request_flags(request)}};

	return ioctl(fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

static int open_free(bool read_only, struct loop_device *ret_device)
{
	_cleanup_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

	if (number < 0)
		return -errno;
	snprintf(ret_device->path, sizeof(ret_device->path), "/dev/loop%d", number);
	ret_device->fd = open(ret_device->path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	return ret_device->fd < 0 ? -errno : 0;
}

/* Between finding a free device and taking it, somebody else may. */
static int attach_any(const struct loop_request *request, struct loop_device *ret_device)
{
	int r = -EBUSY;

	for (int i = 0; i < ATTEMPTS && r == -EBUSY; i++) {
		r = open_free(request->read_only, ret_device);
		if (r < 0)
			continue;
		r = configure(ret_device->fd, request);
		if (r < 0)
			close(ret_device->fd);
	}
	return r;
}

/* The kernel leaves direct I/O out without a word; and a volume it may not read has size 0. */
static int verify(const struct loop_device *device, int file_fd, const char **ret_reason)
{
	struct loop_info64 info;
	struct stat status;
	uint64_t size;
	char direct[8] = "";

	if (ioctl(device->fd, LOOP_GET_STATUS64, &info) < 0 ||
	    ioctl(device->fd, BLKGETSIZE64, &size) < 0 || fstat(file_fd, &status) < 0)
		return -errno;
	sysfs_read(direct, sizeof(direct), "/sys/block/%s/loop/dio", device->path + 5);
	if (!(info.lo_flags & LO_FLAGS_DIRECT_IO) || direct[0] != '1') {
		*ret_reason = "the kernel does not do direct I/O between loop device and volume";
		return -EOPNOTSUPP;
	}
	if (size != round_down((uint64_t)status.st_size, 512)) {
		*ret_reason = "the loop device does not have the size of the volume";
		return -EOPNOTSUPP;
	}
	return 0;
}

int loop_attach(const struct loop_request *request, struct loop_device *ret_device,
		const char **ret_reason)
{
	struct loop_device device;
	int r = attach_any(request, &device);

	*ret_reason = r == -ENOENT ? "no loop devices: modprobe loop" : NULL;
	if (r < 0)
		return r;
	r = verify(&device, request->file_fd, ret_reason);
	if (r < 0) {
		ioctl(device.fd, LOOP_CLR_FD);
		close(device.fd);
		return r;
	}
	*ret_device = device;
	return 0;
}

int loop_open(const char *path, struct loop_device *ret_device)
{
	_cleanup_free_ char *real = realpath(path, NULL);
	struct stat status;

	if (!real || stat(real, &status) < 0)
		return -errno;
	if (!S_ISBLK(status.st_mode) || major(status.st_rdev) != LOOP_MAJOR ||
	    strlen(real) >= LOOP_PATH_BYTES)
		return -ENOTBLK;
	strcpy(ret_device->path, real);
	ret_device->fd = open(real, O_RDONLY | O_CLOEXEC);
	return ret_device->fd < 0 ? -errno : 0;
}

int loop_file(const struct loop_device *device, dev_t *ret_device, ino_t *ret_inode)
{
	struct loop_info64 info;

	if (ioctl(device->fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	*ret_device = (dev_t)info.lo_device;
	*ret_inode = (ino_t)info.lo_inode;
	return 0;
}

int loop_file_at(const char *path, dev_t *ret_device, ino_t *ret_inode)
{
	struct loop_device device;
	int r = loop_open(path, &device);

	if (r < 0)
		return r;
	r = loop_file(&device, ret_device, ret_inode);
	close(device.fd);
	return r;
}

/* A mount claims the device, from whatever namespace, and a partition of it claims it too. */
bool loop_claimed(const char *path)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);

	return fd < 0 && errno == EBUSY;
}

static int set_autoclear(const char *path, bool autoclear)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct loop_info64 info;

	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	info.lo_flags = autoclear ? info.lo_flags | LO_FLAGS_AUTOCLEAR
				  : info.lo_flags & ~(uint32_t)LO_FLAGS_AUTOCLEAR;
	return ioctl(fd, LOOP_SET_STATUS64, &info) < 0 ? -errno : 0;
}

static bool is_on(const char *path, dev_t device, ino_t inode)
{
	dev_t now;
	ino_t inode_now;

	return loop_file_at(path, &now, &inode_now) == 0 && now == device && inode_now == inode;
}

/* LOOP_CLR_FD says 0 too when it takes down nothing until all others have closed the device. */
static int wait_cleared(const char *path, dev_t device, ino_t inode)
{
	const struct timespec pause = {.tv_nsec = CLEAR_POLL_MS * 1000000};

	for (int i = 0; i < CLEAR_POLLS; i++) {
		if (!is_on(path, device, inode))
			return 0;
		nanosleep(&pause, NULL);
	}
	if (set_autoclear(path, false) < 0)
		return is_on(path, device, inode) ? -EBUSY : 0;
	return -EBUSY;
}

int loop_detach(struct loop_device *device)
{
	dev_t on;
	ino_t inode;
	int lost = 0;
	int r = loop_file(device, &on, &inode);

	if (r == 0 && loop_claimed(device->path))
		r = -EBUSY;
	if (r == 0)
		lost = fsync(device->fd) < 0 ? -errno : 0;
	if (r == 0 && ioctl(device->fd, LOOP_CLR_FD) < 0)
		r = -errno;
	close(device->fd);
	device->fd = -1;
	if (r == 0)
		r = wait_cleared(device->path, on, inode);
	return r < 0 ? r : lost;
}

static bool is_called(char *path, const char *const *names)
{
	const char *name = basename(path);

	while (*names && strcmp(name, *names) != 0)
		names++;
	return *names != NULL;
}

static bool lies_on(const char *path, dev_t device)
{
	struct stat status;

	return stat(path, &status) == 0 && status.st_dev == device;
}

/* Its file's name decides first: only volumes of this daemon are asked, another may be stuck. */
static int each_device(const char *name, dev_t on, const char *const *files,
		       int (*each)(struct loop_device *device, void *data), void *data)
{
	char path[LOOP_PATH_BYTES];
	struct loop_device device;
	struct loop loop;
	dev_t found;
	ino_t inode;
	int r;

	if (loop_read(name, &loop) < 0 || !is_called(loop.backing, files))
		return 0;
	snprintf(path, sizeof(path), "/dev/%.24s", name);
	r = loop_open(path, &device);
	if (r < 0)
		return lies_on(loop.backing, on) ? r : 0;
	if (loop_file(&device, &found, &inode) == 0 && found == on)
		r = each(&device, data);
	if (device.fd >= 0)
		close(device.fd);
	return r;
}

int loop_each_on(dev_t device, const char *const *names,
		 int (*each)(struct loop_device *device, void *data), void *data)
{
	DIR *folder = opendir("/sys/block");
	struct dirent *entry;
	int r = folder ? 0 : -errno;

	while (r == 0 && (entry = readdir(folder)))
		r = each_device(entry->d_name, device, names, each, data);
	if (folder)
		closedir(folder);
	return r;
}

/* Looking at its status asks the daemon for the size; older kernels take the one they know. */
int loop_resize(const struct loop_device *device)
{
	dev_t on;
	ino_t inode;
	int r = loop_file(device, &on, &inode);

	if (r == 0 && ioctl(device->fd, LOOP_SET_CAPACITY, 0) < 0)
		r = -errno;
	return r;
}
