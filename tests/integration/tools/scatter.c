// SPDX-License-Identifier: MIT
/*
 * Writes a range in many pieces of random size, several in flight at once, neighbours together:
 * the way lost updates show. In the end every byte of the range must be the pattern's.
 *
 *   scatter [OPTION]... FILE START LENGTH SEED
 *     --api=threads|uring|aio   how pieces come to be in flight together (default threads)
 *     --depth=N                 how many (default 1)
 *     --min=BYTES --max=BYTES   size of a piece (default 4096)
 *     --align=BYTES             pieces start and end at multiples of this (default 1)
 *     --direct --osync --odsync   O_DIRECT, O_SYNC, O_DSYNC at open
 *     --dsync                   RWF_DSYNC on each write
 *     --sync=fsync|fdatasync --every=N   sync after every N pieces (default: never)
 *     --acks                    after each sync, print how far everything has been acknowledged
 *     --ordered                 batch by batch from START to the end
 *     --stat=FILE               print "sectors N flushes N", what was written according to this
 *                               block device's `stat` between open and close
 *     --random=N                another choice of sizes and order
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <liburing.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pattern.h"

struct piece {
	uint64_t offset;
	size_t length;
	void *buffer; /* while in flight */
	struct iovec iov;
};

static struct {
	const char *api, *sync, *stat;
	unsigned depth, every;
	uint64_t min, max, align, random, seed;
	int open_flags, rw_flags, fd;
	bool acks, ordered;
} job = {.api = "threads", .depth = 1, .min = 4096, .max = 4096, .align = 1, .random = 1};

static struct io_uring ring;
static aio_context_t aio;

static _Noreturn void die(const char *step, int error)
{
	fprintf(stderr, "scatter: %s: %s\n", step, strerrorname_np(error));
	_exit(1);
}

static uint64_t random_below(uint64_t limit)
{
	static uint64_t index;

	return pattern_word(job.random + 1000003, index++) % limit;
}

static void piece_begin(struct piece *piece)
{
	piece->buffer = aligned_alloc(4096, (piece->length + 8191) / 4096 * 4096);
	if (!piece->buffer)
		abort();
	pattern_fill(job.seed, piece->offset, piece->buffer, piece->length);
	piece->iov = (struct iovec){piece->buffer, piece->length};
}

/* `result`: bytes or negative errno. */
static void piece_end(struct piece *piece, long result)
{
	if (result < 0)
		die("write", (int)-result);
	if ((size_t)result != piece->length) {
		fprintf(stderr, "scatter: write: %ld of %zu bytes\n", result, piece->length);
		_exit(1);
	}
	free(piece->buffer);
}

struct batch {
	struct piece *pieces;
	unsigned count;
	atomic_uint next;
};

static void *batch_thread(void *data)
{
	struct batch *batch = data;
	unsigned i;

	while ((i = atomic_fetch_add(&batch->next, 1)) < batch->count) {
		struct piece *piece = &batch->pieces[i];
		ssize_t n;

		piece_begin(piece);
		n = pwritev2(job.fd, &piece->iov, 1, (off_t)piece->offset, job.rw_flags);
		piece_end(piece, n < 0 ? -errno : n);
	}
	return NULL;
}

static void batch_write_threads(struct batch *batch)
{
	pthread_t thread[256];

	for (unsigned i = 1; i < job.depth; i++)
		if (pthread_create(&thread[i], NULL, batch_thread, batch))
			abort();
	batch_thread(batch);
	for (unsigned i = 1; i < job.depth; i++)
		pthread_join(thread[i], NULL);
}

static void batch_write_uring(struct batch *batch)
{
	unsigned submitted = 0, done = 0;

	while (done < batch->count) {
		struct io_uring_cqe *cqe;

		for (; submitted < batch->count && submitted - done < job.depth; submitted++) {
			struct piece *piece = &batch->pieces[submitted];
			struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

			piece_begin(piece);
			io_uring_prep_writev2(sqe, job.fd, &piece->iov, 1, piece->offset,
					      job.rw_flags);
			io_uring_sqe_set_data(sqe, piece);
		}
		if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &cqe))
			die("io_uring", EIO);
		piece_end(io_uring_cqe_get_data(cqe), cqe->res);
		io_uring_cqe_seen(&ring, cqe);
		done++;
	}
}

static void piece_submit_aio(struct piece *piece)
{
	struct iocb iocb = {
		.aio_data = (uint64_t)(uintptr_t)piece,
		.aio_lio_opcode = IOCB_CMD_PWRITEV,
		.aio_rw_flags = job.rw_flags,
		.aio_fildes = (uint32_t)job.fd,
		.aio_buf = (uint64_t)(uintptr_t)&piece->iov,
		.aio_nbytes = 1,
		.aio_offset = (int64_t)piece->offset,
	};
	struct iocb *one = &iocb;

	piece_begin(piece);
	if (syscall(SYS_io_submit, aio, 1, &one) != 1)
		die("io_submit", errno);
}

static void batch_write_aio(struct batch *batch)
{
	unsigned submitted = 0, done = 0;

	while (done < batch->count) {
		struct io_event event;

		for (; submitted < batch->count && submitted - done < job.depth; submitted++)
			piece_submit_aio(&batch->pieces[submitted]);
		if (syscall(SYS_io_getevents, aio, 1, 1, &event, NULL) != 1)
			die("io_getevents", errno);
		piece_end((struct piece *)(uintptr_t)event.data, (long)event.res);
		done++;
	}
}

static void batch_write(struct batch *batch)
{
	if (strcmp(job.api, "uring") == 0)
		batch_write_uring(batch);
	else if (strcmp(job.api, "aio") == 0)
		batch_write_aio(batch);
	else
		batch_write_threads(batch);
}

static void job_sync(void)
{
	int failed = 0;

	if (!job.sync)
		return;
	failed = strcmp(job.sync, "fsync") == 0 ? fsync(job.fd) : fdatasync(job.fd);
	if (failed)
		die(job.sync, errno);
}

/* Cuts the range, in order. */
static unsigned pieces_cut(uint64_t start, uint64_t length, struct piece **ret_pieces)
{
	uint64_t end = start + length, at = start;
	struct piece *pieces = NULL;
	unsigned count = 0, room = 0;

	while (at < end) {
		uint64_t n = job.min + random_below(job.max - job.min + 1);

		n -= n % job.align;
		if (n == 0)
			n = job.align;
		if (n > end - at)
			n = end - at;
		if (count == room) {
			room = room * 2 + 64;
			pieces = realloc(pieces, room * sizeof(*pieces));
			if (!pieces)
				abort();
		}
		pieces[count++] = (struct piece){.offset = at, .length = n};
		at += n;
	}
	*ret_pieces = pieces;
	return count;
}

/* Shuffles within short stretches, so that neighbours still meet in flight. */
static void pieces_shuffle(struct piece *pieces, unsigned count)
{
	unsigned stretch = job.depth * 2;

	for (unsigned first = 0; first < count; first += stretch) {
		unsigned n = count - first < stretch ? count - first : stretch;

		for (unsigned i = n; i > 1; i--) {
			unsigned j = (unsigned)random_below(i);
			struct piece swap = pieces[first + i - 1];

			pieces[first + i - 1] = pieces[first + j];
			pieces[first + j] = swap;
		}
	}
}

static void stat_read(uint64_t values[2])
{
	FILE *file = fopen(job.stat, "r");
	uint64_t all[17] = {0};

	if (!file)
		die("stat", errno);
	for (int i = 0; i < 17; i++)
		if (fscanf(file, "%" SCNu64, &all[i]) != 1)
			break;
	fclose(file);
	values[0] = all[6];
	values[1] = all[15];
}

static void job_run(uint64_t start, uint64_t length)
{
	struct piece *pieces;
	unsigned count = pieces_cut(start, length, &pieces);
	unsigned step = job.every ? job.every : count;

	if (!job.ordered)
		pieces_shuffle(pieces, count);
	for (unsigned first = 0; first < count; first += step) {
		struct batch batch = {
			.pieces = pieces + first,
			.count = count - first < step ? count - first : step,
		};
		struct piece last = pieces[first + batch.count - 1];

		batch_write(&batch);
		job_sync();
		if (job.acks) {
			printf("%" PRIu64 "\n", last.offset + last.length);
			fflush(stdout);
		}
	}
	free(pieces);
}

static void options_parse(int argc, char **argv)
{
	enum {
		API = 1,
		DEPTH,
		MIN,
		MAX,
		ALIGN,
		SYNC,
		EVERY,
		STAT,
		RANDOM,
		DIRECT,
		OSYNC,
		ODSYNC,
		DSYNC,
		ACKS,
		ORDERED
	};
	static const struct option options[] = {
		{"api", 1, NULL, API},         {"depth", 1, NULL, DEPTH},
		{"min", 1, NULL, MIN},         {"max", 1, NULL, MAX},
		{"align", 1, NULL, ALIGN},     {"sync", 1, NULL, SYNC},
		{"every", 1, NULL, EVERY},     {"stat", 1, NULL, STAT},
		{"random", 1, NULL, RANDOM},   {"direct", 0, NULL, DIRECT},
		{"osync", 0, NULL, OSYNC},     {"odsync", 0, NULL, ODSYNC},
		{"dsync", 0, NULL, DSYNC},     {"acks", 0, NULL, ACKS},
		{"ordered", 0, NULL, ORDERED}, {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case API:
			job.api = optarg;
			break;
		case DEPTH:
			job.depth = (unsigned)atoi(optarg);
			break;
		case MIN:
			job.min = strtoull(optarg, NULL, 0);
			break;
		case MAX:
			job.max = strtoull(optarg, NULL, 0);
			break;
		case ALIGN:
			job.align = strtoull(optarg, NULL, 0);
			break;
		case SYNC:
			job.sync = optarg;
			break;
		case EVERY:
			job.every = (unsigned)atoi(optarg);
			break;
		case STAT:
			job.stat = optarg;
			break;
		case RANDOM:
			job.random = strtoull(optarg, NULL, 0);
			break;
		case DIRECT:
			job.open_flags |= O_DIRECT;
			break;
		case OSYNC:
			job.open_flags |= O_SYNC;
			break;
		case ODSYNC:
			job.open_flags |= O_DSYNC;
			break;
		case DSYNC:
			job.rw_flags |= RWF_DSYNC;
			break;
		case ACKS:
			job.acks = true;
			break;
		case ORDERED:
			job.ordered = true;
			break;
		default:
			exit(2);
		}
	}
	if (job.max < job.min)
		job.max = job.min;
}

int main(int argc, char **argv)
{
	uint64_t before[2] = {0}, after[2] = {0};

	options_parse(argc, argv);
	if (argc - optind != 4 || job.depth < 1 || job.depth > 256 || job.min < 1) {
		fprintf(stderr, "scatter: see the head of tools/scatter.c\n");
		return 2;
	}
	argv += optind;
	job.seed = strtoull(argv[3], NULL, 0);
	job.fd = argv[0][0] == '@' ? atoi(argv[0] + 1) : open(argv[0], O_RDWR | job.open_flags);
	if (job.fd < 0)
		die("open", errno);
	if (strcmp(job.api, "uring") == 0 && io_uring_queue_init(256, &ring, 0) < 0)
		die("io_uring_queue_init", errno);
	if (strcmp(job.api, "aio") == 0 && syscall(SYS_io_setup, 256, &aio) < 0)
		die("io_setup", errno);
	if (job.stat)
		stat_read(before);
	job_run(strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0));
	if (job.stat) {
		stat_read(after);
		printf("sectors %" PRIu64 " flushes %" PRIu64 "\n", after[0] - before[0],
		       after[1] - before[1]);
	}
	return 0;
}
