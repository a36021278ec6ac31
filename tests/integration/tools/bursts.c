// SPDX-License-Identifier: MIT
/*
 * bursts FILE SECONDS PROCESSES SEED [LAST-CPU]
 *
 * Processes bound to one CPU each read FILE directly, sometimes much and sometimes little, and now
 * and then open, look at, and close it: with fuse-uring, requests then move from lane to lane in
 * every way. At the end, with LAST-CPU, all of them send a few small ones from there. Fails if a
 * read does.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SMALL = 4096,
	LARGE = 256 << 10,
	LARGEST = 4 * LARGE
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void bind_to(unsigned cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

static int fail(const char *what)
{
	fprintf(stderr, "bursts: %s: %s\n", what, strerror(errno));
	return 1;
}

static int look(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return fail("open");
	r = fstat(fd, &status);
	close(fd);
	return r < 0 ? fail("fstat") : 0;
}

static int burst(const char *path, double seconds, int large, int last_cpu)
{
	int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC), r = 0;
	double end = now() + seconds;
	off_t size = lseek(fd, 0, SEEK_END);
	char *bytes = aligned_alloc(SMALL, LARGEST);

	if (fd < 0 || size < LARGEST || !bytes)
		return fail("open");
	while (r == 0 && now() < end) {
		size_t length = random() % 100 < large ? (size_t)(1 + random() % 4) * LARGE : SMALL;
		off_t at = random() % ((size - LARGEST) / SMALL + 1) * SMALL;

		if (last_cpu < 0 && random() % 4 == 0)
			r = look(path);
		else if (pread(fd, bytes, length, at) != (ssize_t)length)
			r = fail("read");
	}
	if (last_cpu >= 0)
		bind_to((unsigned)last_cpu);
	for (int i = 0; i < 20 && r == 0 && last_cpu >= 0; i++)
		r = pread(fd, bytes, SMALL, 0) == SMALL ? 0 : fail("read");
	return r;
}

int main(int argc, char **argv)
{
	unsigned cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	int processes, status, r = 0;

	if (argc < 5)
		return 2;
	processes = atoi(argv[3]);
	for (int i = 0; i < processes; i++) {
		if (fork() == 0) {
			unsigned cpu = (unsigned)i % cpus, seed = (unsigned)atoi(argv[4]);
			/* How many of a CPU's reads are large, in percent. */
			int large = (int)((seed >> 2 * cpu) % 5) * 25;

			srandom(seed * 100 + (unsigned)i);
			bind_to(cpu);
			_exit(burst(argv[1], atof(argv[2]), large, argc > 5 ? atoi(argv[5]) : -1));
		}
	}
	while (wait(&status) > 0)
		r |= status != 0;
	return r;
}
