// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

extern char **environ;

int scratch_enter(void **state)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/platterfs-unit-XXXXXX", base ? base : "/var/tmp") < 0)
		return -1;
	*state = path;
	return mkdtemp(path) && chdir(path) == 0 ? 0 : -1;
}

int scratch_leave(void **state)
{
	DIR *folder = opendir(".");
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (unlink(entry->d_name) < 0 && entry->d_name[0] != '.')
			rmdir(entry->d_name);
	if (folder)
		closedir(folder);
	if (chdir("/") < 0 || rmdir(*state) < 0)
		return -1;
	free(*state);
	return 0;
}

unsigned char pattern_byte(uint64_t offset)
{
	uint64_t x = (offset + 1) * 0x9e3779b97f4a7c15ull;

	return (unsigned char)((x >> 56) | 1);
}

void file_make(const char *path, uint64_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

void file_write_pattern(const char *path, uint64_t offset, uint64_t length)
{
	unsigned char *bytes = malloc(length);
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_non_null(bytes);
	for (uint64_t i = 0; i < length; i++)
		bytes[i] = pattern_byte(offset + i);
	assert_int_equal(pwrite(fd, bytes, length, (off_t)offset), length);
	assert_int_equal(fsync(fd), 0);
	free(bytes);
	close(fd);
}

void file_allocate(const char *path, uint64_t offset, uint64_t length)
{
	int fd = open(path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length), 0);
	close(fd);
}

unsigned char *file_read(const char *path, uint64_t *ret_size)
{
	int fd = open(path, O_RDONLY);
	struct stat status;
	unsigned char *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	*ret_size = (uint64_t)status.st_size;
	bytes = malloc(*ret_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, *ret_size), *ret_size);
	close(fd);
	return bytes;
}

void need_extents(void)
{
	struct fiemap map = {.fm_length = 4096};
	int fd = open("probe", O_RDWR | O_CREAT | O_DIRECT, 0600);
	bool able = fd >= 0 && fallocate(fd, 0, 0, 4096) == 0 &&
		    ioctl(fd, FS_IOC_FIEMAP, &map) == 0;

	if (fd >= 0)
		close(fd);
	unlink("probe");
	if (!able) {
		print_message("SKIP: no FIEMAP, fallocate or direct I/O here; set TMPDIR\n");
		skip();
	}
}

void file_write(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), length);
	close(fd);
}

unsigned names_count(void)
{
	DIR *folder = opendir(".");
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	closedir(folder);
	return count;
}

pid_t program_start(char *const argv[])
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? pid : -1;
}

int program_wait(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int program_run(const char *format, ...)
{
	char line[1024], *words[64], *rest = line;
	va_list arguments;
	size_t count = 0;
	pid_t pid;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	while (rest && count < sizeof(words) / sizeof(*words) - 1)
		words[count++] = strsep(&rest, " ");
	words[count] = NULL;
	pid = program_start(words);
	return pid < 0 ? -1 : program_wait(pid);
}

size_t unhex(const char *text, uint8_t *bytes)
{
	size_t length = strlen(text) / 2;

	for (size_t i = 0; i < length; i++) {
		unsigned value;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &value), 1);
		bytes[i] = (uint8_t)value;
	}
	return length;
}
