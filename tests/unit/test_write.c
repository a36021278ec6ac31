// SPDX-License-Identifier: MIT
/*
 * The stories of write.c, read.c and discard.c on an engine that ends I/O in random order, many
 * requests at a time, against a model: writes that overlap happen in the order they came. The
 * engine holds direct I/O to its alignment, and to the size of the image.
 */
#include "scratch.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/eventfd.h>

#include "data/lane.h"
#include "crypt/secret.h"
#include "data/volume.h"

enum {
	DEPTH = 12,
	TURNS = 3000
};

static struct io *queued[4 * DEPTH];
static unsigned queued_count;
static uint64_t flushes, durable_writes;

/* A disk that ends what it was asked for in any order. */
static void disk_queue(struct lane *lane, struct io *io)
{
	queued[queued_count++] = io;
}

static int64_t disk_do(const struct volume *volume, struct io *io)
{
	const struct image *image = &volume->image;
	const uint64_t length = io->iov[0].iov_len;

	if (io->kind == IO_FLUSH) {
		flushes++;
		return 0;
	}
	if (io->fd == image->direct_fd) {
		assert_int_equal(io->offset % image->block_bytes, 0);
		assert_int_equal(length % image->block_bytes, 0);
		assert_int_equal((uintptr_t)io->iov[0].iov_base % 512, 0);
	}
	if (io->kind == IO_READ)
		return pread(io->fd, io->iov[0].iov_base, length, (off_t)io->offset);
	assert_int_equal(io->kind, IO_WRITE);
	assert_true(io->offset + length <= image->size_bytes);
	durable_writes += io->flags == RWF_DSYNC;
	return pwrite(io->fd, io->iov[0].iov_base, length, (off_t)io->offset);
}

static void disk_end_one(const struct volume *volume)
{
	unsigned which = (unsigned)random() % queued_count;
	struct io *io = queued[which];

	queued[which] = queued[--queued_count];
	io->finished(io, disk_do(volume, io));
}

static const struct engine disk = {.name = "disk", .queue = disk_queue, .deep = true};

static int last_error;
static size_t last_length;
static char last_body[REQUEST_PAYLOAD_BYTES];

static void take_reply(struct request *request, const void *body, size_t length)
{
	last_error = request->out.error;
	last_length = length;
	memcpy(last_body, body ? body : "", length);
	lane_give(request);
}

static const struct transport replies = {.name = "replies", .reply = take_reply};

struct fixture {
	struct lane lane;
	struct lanes lanes;
	struct request requests[DEPTH];
	struct volume volume;
	struct volume_counters counters;
	char headers[DEPTH][256];
	char *model; /* the image, as it must be in the end; the payload in plaintext */
};

/* What the next fixtures are encrypted with; NULL: raw. */
static const struct volume_key *fixture_key;

/* The payload of `image`, which is whole sectors from start_bytes on. */
static void crypt_payload(struct fixture *fixture, char *image,
			  int (*crypt)(struct volume *volume, unsigned lane, void *bytes,
				       uint64_t at, uint64_t length))
{
	struct volume *volume = &fixture->volume;

	assert_int_equal(crypt(volume, 0, image + volume->start_bytes, volume->start_bytes,
			       volume->size_bytes),
			 0);
}

static void fixture_encrypt(struct fixture *fixture)
{
	struct volume *volume = &fixture->volume;
	const char *reason;

	volume->sectors = NULL;
	volume->sector_bytes = 1;
	if (!fixture_key)
		return;
	assert_int_equal(sectors_new(fixture_key, 1, &volume->sectors, &reason), 0);
	volume->sector_bytes = fixture_key->sector_size;
	volume->size_bytes = round_down(volume->size_bytes, volume->sector_bytes);
}

static void fixture_init(struct fixture *fixture, uint64_t size, uint32_t block, uint64_t start)
{
	struct lane *lane = &fixture->lane;
	struct volume *volume = &fixture->volume;

	memset(fixture, 0, sizeof(*fixture));
	*lane = (struct lane){.lanes = &fixture->lanes, .engine = &disk, .transport = &replies};
	fixture->lanes.payload_bytes = REQUEST_PAYLOAD_BYTES;
	pthread_mutex_init(&lane->inbox_mutex, NULL);
	lane->inbox_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (unsigned i = 0; i < DEPTH; i++) {
		struct request *request = &fixture->requests[i];

		request->lane = lane;
		request->buffer = aligned_alloc(4096, REQUEST_BUFFER_BYTES);
		request->edge = aligned_alloc(4096, REQUEST_EDGE_BYTES);
		request->next = lane->free;
		lane->free = request;
	}
	volume->image.direct_fd = open("image", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	volume->image.buffered_fd = open("image", O_RDWR | O_CLOEXEC);
	volume->image.size_bytes = size;
	volume->image.block_bytes = block;
	volume->image.direct_end_bytes = size % block ? size / 4096 * 4096 : size;
	volume->start_bytes = start;
	volume->size_bytes = size - start;
	fixture_encrypt(fixture);
	volume->name = "test";
	volume->counters = &fixture->counters;
	range_lock_init(&volume->ranges);
	fixture->model = malloc(size);
	for (uint64_t i = 0; i < size; i++)
		fixture->model[i] = (char)random();
	assert_int_equal(pwrite(volume->image.direct_fd, fixture->model, size, 0), size);
	crypt_payload(fixture, fixture->model, volume_decrypt);
	queued_count = 0;
	flushes = durable_writes = 0;
}

static void turn(struct fixture *fixture)
{
	if (queued_count > 0)
		disk_end_one(&fixture->volume);
	lane_inbox(&fixture->lane);
}

static void finish(struct fixture *fixture)
{
	while (fixture->lane.busy > 0) {
		assert_true(queued_count > 0 || fixture->lane.inbox);
		turn(fixture);
	}
}

static void expect_model(struct fixture *fixture)
{
	uint64_t size = fixture->volume.image.size_bytes;
	char *bytes = malloc(size + 1);

	assert_int_equal(pread(fixture->volume.image.direct_fd, bytes, size + 1, 0), size);
	crypt_payload(fixture, bytes, volume_decrypt);
	assert_memory_equal(bytes, fixture->model, size);
	free(bytes);
}

static void fixture_destroy(struct fixture *fixture)
{
	finish(fixture);
	expect_model(fixture);
	for (unsigned i = 0; i < DEPTH; i++) {
		free(fixture->requests[i].buffer);
		free(fixture->requests[i].edge);
	}
	close(fixture->lane.inbox_fd);
	pthread_mutex_destroy(&fixture->lane.inbox_mutex);
	range_lock_destroy(&fixture->volume.ranges);
	sectors_free(fixture->volume.sectors);
	image_close(&fixture->volume.image);
	free(fixture->model);
}

/* Hands the lane what the kernel would: header, arguments; the payload is in the buffer. */
static void arrive(struct fixture *fixture, struct request *request, uint32_t opcode,
		   const void *arguments, size_t length, size_t payload)
{
	char *bytes = fixture->headers[request - fixture->requests];
	struct fuse_in_header *in = (void *)bytes;
	const struct volume *volume = &fixture->volume;
	uint64_t handle = (uintptr_t)volume;

	in->opcode = opcode;
	in->len = (uint32_t)(sizeof(*in) + length + payload);
	memcpy(in + 1, arguments, length);
	memcpy(in + 1, &handle, sizeof(handle));
	lane_received(request, in, in + 1, in->len);
}

static void send_write(struct fixture *fixture, struct request *request, uint64_t offset,
		       uint32_t length, uint32_t flags)
{
	struct fuse_write_in in = {.offset = offset, .size = length, .flags = flags};
	char *model = fixture->model + fixture->volume.start_bytes + offset;

	for (uint32_t i = 0; i < length; i++)
		request->buffer[i] = (char)random();
	if (offset < fixture->volume.size_bytes && length <= fixture->volume.size_bytes - offset)
		memcpy(model, request->buffer, length);
	arrive(fixture, request, FUSE_WRITE, &in, sizeof(in), length);
}

static void write_at_random(struct fixture *fixture, struct request *request)
{
	uint64_t size = fixture->volume.size_bytes;
	uint64_t offset = (uint64_t)random() % size;
	uint64_t most = random() % 4 ? 700 : 20000;
	uint64_t length = 1 + (uint64_t)random() % most;

	send_write(fixture, request, offset, (uint32_t)min_u64(length, size - offset),
		   random() % 8 ? 0 : O_DSYNC);
}

static void zero_at_random(struct fixture *fixture, struct request *request)
{
	uint64_t size = fixture->volume.size_bytes;
	uint64_t offset = (uint64_t)random() % size;
	struct fuse_fallocate_in in = {.offset = offset,
				       .length = 1 + (uint64_t)random() % (size - offset),
				       .mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};

	in.length = min_u64(in.length, 3000);
	memset(fixture->model + fixture->volume.start_bytes + offset, 0, in.length);
	arrive(fixture, request, FUSE_FALLOCATE, &in, sizeof(in), 0);
}

static void read_all(struct fixture *fixture)
{
	const char *model = fixture->model + fixture->volume.start_bytes;

	for (unsigned i = 0; i < 50; i++) {
		struct request *request = lane_take(&fixture->lane);
		uint64_t size = fixture->volume.size_bytes;
		struct fuse_read_in in = {.offset = (uint64_t)random() % size,
					  .size = 1 + (uint32_t)random() % 9000};

		arrive(fixture, request, FUSE_READ, &in, sizeof(in), 0);
		finish(fixture);
		assert_int_equal(last_error, 0);
		assert_int_equal(last_length, min_u64(in.size, size - in.offset));
		assert_memory_equal(last_body, model + in.offset, last_length);
	}
}

static void run(uint64_t size, uint32_t block, uint64_t start)
{
	static struct fixture fixture;

	fixture_init(&fixture, size, block, start);
	for (unsigned i = 0; i < TURNS; i++) {
		struct request *request = random() % 3 ? NULL : lane_take(&fixture.lane);

		if (!request)
			turn(&fixture);
		else if (random() % 10)
			write_at_random(&fixture, request);
		else
			zero_at_random(&fixture, request);
	}
	finish(&fixture);
	assert_int_equal(fixture.counters.errors, 0);
	expect_model(&fixture);
	read_all(&fixture);
	fixture_destroy(&fixture);
}

static void test_blocks_of_512(void **state)
{
	run(40960, 512, 0);
}

static void test_blocks_of_4096(void **state)
{
	run(40960, 4096, 0);
}

static void test_odd_sizes(void **state)
{
	static const uint64_t sizes[] = {1, 511, 1023, 2047, 4095, 4097, 5119, 8191, 36865};

	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		run(sizes[i], 512, 0);
		run(sizes[i], 4096, 0);
	}
}

/* What lies before the window must stay, though the blocks at its edge are shared with it. */
static void test_window(void **state)
{
	run(40960, 4096, 1000);
	run(40961, 512, 4097);
}

/* Sectors and blocks of either size, neither a multiple of the other where the payload starts. */
static void run_encrypted(const char *spec, uint32_t key_bytes)
{
	static const uint64_t starts[] = {0, 512, 1000, 4096, 5120, 4097};
	struct volume_key key = {.key_bytes = key_bytes};

	strcpy(key.spec, spec);
	for (uint32_t i = 0; i < key_bytes; i++)
		key.key[i] = (uint8_t)random();
	fixture_key = &key;
	for (key.sector_size = 512; key.sector_size <= 4096; key.sector_size *= 8) {
		for (size_t i = 0; i < ARRAY_LENGTH(starts); i++) {
			run(40960 + starts[i], 512, starts[i]);
			run(40960, 4096, starts[i]);
			run(36865 + 512 * i, 512, starts[i]);
			run(36865 + 512 * i, 4096, starts[i]);
		}
	}
	fixture_key = NULL;
}

static void test_encrypted_xts(void **state)
{
	run_encrypted("aes-xts-plain64", 64);
}

static void test_encrypted_cbc(void **state)
{
	run_encrypted("aes-cbc-essiv:sha256", 32);
}

/*
 * Of a sector that a write is about to replace, a read in a chained mode must not see half: it
 * waits until the write has ended. In XTS, where each block stands for itself, it need not.
 */
static void read_beside_write(const char *spec, uint32_t key_bytes, unsigned ios)
{
	struct volume_key key = {.sector_size = 4096, .key_bytes = key_bytes};
	struct fuse_read_in in = {.offset = 3000, .size = 100};
	static struct fixture fixture;

	strcpy(key.spec, spec);
	memset(key.key, 7, key_bytes / 2);
	fixture_key = &key;
	fixture_init(&fixture, 40960, 512, 0);
	send_write(&fixture, lane_take(&fixture.lane), 100, 100, 0);
	assert_int_equal(queued_count, 1);
	arrive(&fixture, lane_take(&fixture.lane), FUSE_READ, &in, sizeof(in), 0);
	assert_int_equal(queued_count, ios);
	/* Readers do not wait for each other, wherever they are. */
	in.offset = 8192;
	arrive(&fixture, lane_take(&fixture.lane), FUSE_READ, &in, sizeof(in), 0);
	arrive(&fixture, lane_take(&fixture.lane), FUSE_READ, &in, sizeof(in), 0);
	assert_int_equal(queued_count, ios + 2);
	fixture_destroy(&fixture);
	fixture_key = NULL;
}

static void test_read_beside_write(void **state)
{
	read_beside_write("aes-cbc-essiv:sha256", 32, 1);
	read_beside_write("xchacha12,aes-adiantum-plain64", 32, 1);
	read_beside_write("aes-xts-plain64", 64, 2);
}

/* A large one, in which the payload moves and both ends are read. */
static void test_largest(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, 3 << 20, 4096, 0);
	send_write(&fixture, lane_take(&fixture.lane), 4095, REQUEST_PAYLOAD_BYTES, 0);
	finish(&fixture);
	assert_int_equal(last_error, 0);
	fixture_destroy(&fixture);
}

static void test_past_the_end(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, 5119, 512, 0);
	send_write(&fixture, lane_take(&fixture.lane), 5119, 1, 0);
	assert_int_equal(last_error, -ENOSPC);
	send_write(&fixture, lane_take(&fixture.lane), 5000, 200, 0);
	assert_int_equal(last_error, -ENOSPC);
	send_write(&fixture, lane_take(&fixture.lane), UINT64_MAX, 2, 0);
	assert_int_equal(last_error, -ENOSPC);
	assert_int_equal(fixture.counters.errors, 0);
	fixture_destroy(&fixture);
}

static void test_durable(void **state)
{
	static struct fixture fixture;

	fixture_init(&fixture, 40960, 512, 0);
	send_write(&fixture, lane_take(&fixture.lane), 100, 100, 0);
	finish(&fixture);
	assert_int_equal(durable_writes, 0);
	send_write(&fixture, lane_take(&fixture.lane), 100, 100, O_DSYNC);
	finish(&fixture);
	assert_int_equal(durable_writes, 1);
	send_write(&fixture, lane_take(&fixture.lane), 512, 512, O_SYNC);
	finish(&fixture);
	assert_int_equal(durable_writes, 2);
	assert_int_equal(last_error, 0);
	fixture_destroy(&fixture);
}

/* Promise 2: once lost, never found again by asking twice. */
static void test_failure_stays(void **state)
{
	static struct fixture fixture;
	struct fuse_fsync_in in = {0};

	fixture_init(&fixture, 40960, 512, 0);
	arrive(&fixture, lane_take(&fixture.lane), FUSE_FSYNC, &in, sizeof(in), 0);
	finish(&fixture);
	assert_int_equal(last_error, 0);
	assert_int_equal(flushes, 1);
	volume_failed(&fixture.volume, "fsync", -EIO, NULL);
	for (unsigned i = 0; i < 3; i++) {
		arrive(&fixture, lane_take(&fixture.lane), FUSE_FSYNC, &in, sizeof(in), 0);
		finish(&fixture);
		assert_int_equal(last_error, -EIO);
	}
	send_write(&fixture, lane_take(&fixture.lane), 0, 512, O_DSYNC);
	assert_int_equal(last_error, -EIO);
	memcpy(fixture.model, "", 0);
	assert_int_equal(pread(fixture.volume.image.direct_fd, fixture.model, 512, 0), 512);
	fixture_destroy(&fixture);
}

/* What the kernel never sends must not be believed either. */
static void test_bad_requests(void **state)
{
	static struct fixture fixture;
	struct fuse_write_in in = {.size = 4096};
	struct request *request;

	fixture_init(&fixture, 40960, 512, 0);
	request = lane_take(&fixture.lane);
	arrive(&fixture, request, FUSE_WRITE, &in, sizeof(in), 100);
	assert_int_equal(last_error, -EINVAL);
	request = lane_take(&fixture.lane);
	in.size = UINT32_MAX;
	arrive(&fixture, request, FUSE_WRITE, &in, sizeof(in), 0);
	assert_int_equal(last_error, -EINVAL);
	request = lane_take(&fixture.lane);
	arrive(&fixture, request, FUSE_WRITE, &in, 8, 0);
	assert_int_equal(last_error, -EINVAL);
	assert_int_equal(fixture.lane.busy, 0);
	fixture_destroy(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_blocks_of_512),     SCRATCH_TEST(test_blocks_of_4096),
		SCRATCH_TEST(test_odd_sizes),         SCRATCH_TEST(test_window),
		SCRATCH_TEST(test_encrypted_xts),     SCRATCH_TEST(test_encrypted_cbc),
		SCRATCH_TEST(test_read_beside_write), SCRATCH_TEST(test_largest),
		SCRATCH_TEST(test_past_the_end),      SCRATCH_TEST(test_durable),
		SCRATCH_TEST(test_failure_stays),     SCRATCH_TEST(test_bad_requests),
	};

	if (secret_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
