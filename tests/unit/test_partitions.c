// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "image/partitions.h"
#include "util/macros.h"

#define IMAGE_BYTES (64 * MIB)
#define SECTOR      512u

static struct partitions found;
static const char *reason;

/* Both ways of having it open. */
static int partitions_of(uint64_t size_bytes)
{
	struct partitions direct = {.count = 0};
	int buffered_fd = open("image", O_RDONLY), direct_fd = open("image", O_RDONLY | O_DIRECT);
	int r;

	assert_true(buffered_fd >= 0);
	memset(&found, 0, sizeof(found));
	r = partitions_read(buffered_fd, size_bytes, &found, &reason);
	if (direct_fd >= 0) {
		assert_int_equal(partitions_read(direct_fd, size_bytes, &direct, &reason), r);
		assert_memory_equal(&direct, &found, sizeof(found));
		close(direct_fd);
	}
	close(buffered_fd);
	return r;
}

/* False where there is no sfdisk(8). */
static bool table_make(const char *script)
{
	FILE *file = fopen("script", "w");

	assert_non_null(file);
	fputs(script, file);
	fclose(file);
	return system("PATH=$PATH:/sbin:/usr/sbin sfdisk -q image <script >/dev/null 2>&1") == 0;
}

static void expect(unsigned number, uint64_t start_sectors, uint64_t sectors)
{
	const struct partition *partition = partitions_find(&found, number);

	assert_non_null(partition);
	assert_null(partition->flaw);
	assert_int_equal(partition->start_bytes, start_sectors * SECTOR);
	assert_int_equal(partition->length_bytes, sectors * SECTOR);
}

static void expect_flaw(unsigned number, const char *flaw)
{
	const struct partition *partition = partitions_find(&found, number);

	assert_non_null(partition);
	assert_non_null(partition->flaw);
	assert_non_null(strstr(partition->flaw, flaw));
}

/* Tables made by hand ------------------------------------------------------ */

static void bytes_put(uint64_t at, const void *bytes, size_t length)
{
	int fd = open("image", O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, (off_t)at), length);
	close(fd);
}

static void number_put(uint64_t at, uint64_t value, unsigned bytes)
{
	unsigned char little[8];

	for (unsigned i = 0; i < bytes; i++)
		little[i] = (unsigned char)(value >> 8 * i);
	bytes_put(at, little, bytes);
}

static void entry_put(uint64_t sector, unsigned i, unsigned type, uint32_t start, uint32_t length)
{
	uint64_t at = sector * SECTOR + 446 + 16ull * i;

	number_put(at + 4, type, 1);
	number_put(at + 8, start, 4);
	number_put(at + 12, length, 4);
	number_put(sector * SECTOR + 510, 0xaa55, 2);
}

/* -------------------------------------------------------------------------- */

static void test_gpt(void **state)
{
	file_make("image", IMAGE_BYTES);
	if (!table_make("label: gpt\n1: start=2048, size=20480\n3: start=40960, size=34\n"
			"128: start=120000, size=1\n"))
		skip();
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	expect(1, 2048, 20480);
	expect(3, 40960, 34);
	expect(128, 120000, 1);
	assert_int_equal(found.count, 3);
	assert_null(partitions_find(&found, 2));
}

static void test_gpt_from_its_copy(void **state)
{
	file_make("image", IMAGE_BYTES);
	if (!table_make("label: gpt\nstart=2048, size=20480\n"))
		skip();
	number_put(SECTOR, 0, 8);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	expect(1, 2048, 20480);
	number_put(IMAGE_BYTES - SECTOR + 16, 1, 4);
	assert_int_equal(partitions_of(IMAGE_BYTES), -EINVAL);
	assert_non_null(strstr(reason, "damaged"));
}

/* With room for more than anybody has: nobody allocates that. */
static void test_gpt_absurd(void **state)
{
	file_make("image", IMAGE_BYTES);
	if (!table_make("label: gpt\nstart=2048, size=20480\n"))
		skip();
	number_put(SECTOR + 80, 0x1000000, 4);
	assert_int_equal(partitions_of(IMAGE_BYTES), -EINVAL);
	assert_non_null(strstr(reason, "absurd"));
}

/* CRC-32 as a GPT has it. */
static uint32_t checksum(const unsigned char *bytes, size_t length)
{
	uint32_t sum = ~0u;

	for (size_t i = 0; i < 8 * length; i++)
		sum = sum >> 1 ^ ((sum ^ bytes[i / 8] >> i % 8) & 1 ? 0xedb88320u : 0);
	return ~sum;
}

/* The last sector as a header of 3.4 GiB of entries, which libblkid would believe. */
static void absurd_put(uint64_t last)
{
	static const unsigned char start[16] = {'E', 'F', 'I', ' ', 'P', 'A', 'R',
						'T', 0,   0,   1,   0,   92};
	unsigned char header[92];
	int fd = open("image", O_RDONLY);

	assert_true(fd >= 0);
	bytes_put(last * SECTOR, start, sizeof(start));
	number_put(last * SECTOR + 24, last, 8);
	number_put(last * SECTOR + 32, 1, 8);
	number_put(last * SECTOR + 40, 34, 8);
	number_put(last * SECTOR + 48, last - 1, 8);
	number_put(last * SECTOR + 72, 2, 8);
	number_put(last * SECTOR + 80, 28000000, 4);
	number_put(last * SECTOR + 84, 128, 4);
	assert_int_equal(pread(fd, header, sizeof(header), (off_t)(last * SECTOR)), sizeof(header));
	number_put(last * SECTOR + 16, checksum(header, sizeof(header)), 4);
	close(fd);
}

static uint64_t memory_most(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return (uint64_t)usage.ru_maxrss * KIB;
}

/* The same, in a sector that comes into the copy as one of logical partitions, or as entries. */
static void test_gpt_absurd_elsewhere(void **state)
{
	const uint64_t size_bytes = 4096 * MIB, last = size_bytes / SECTOR - 1;
	const uint64_t memory = memory_most();

	file_make("image", IMAGE_BYTES);
	assert_int_equal(truncate("image", (off_t)size_bytes), 0);
	absurd_put(last);
	entry_put(0, 0, 0xee, 1, UINT32_MAX);
	entry_put(0, 1, 0x05, (uint32_t)last, 1);
	assert_int_equal(partitions_of(size_bytes), -EINVAL);
	assert_non_null(strstr(reason, "absurd"));

	entry_put(0, 1, 0, 0, 0);
	bytes_put(SECTOR, "EFI PART", 8);
	number_put(SECTOR + 72, last, 8);
	number_put(SECTOR + 80, 4, 4);
	number_put(SECTOR + 84, 128, 4);
	assert_int_equal(partitions_of(size_bytes), -EINVAL);
	assert_non_null(strstr(reason, "absurd"));
	assert_true(memory_most() - memory < 512 * MIB);
}

static void test_gpt_empty(void **state)
{
	file_make("image", IMAGE_BYTES);
	if (!table_make("label: gpt\n"))
		skip();
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	assert_int_equal(found.count, 0);
}

static void test_mbr(void **state)
{
	file_make("image", IMAGE_BYTES);
	entry_put(0, 0, 0x83, 2048, 2048);
	entry_put(0, 1, 0x05, 8192, 65536);
	entry_put(0, 3, 0x83, 4096, 1);
	entry_put(8192, 0, 0x83, 63, 1000);
	entry_put(8192, 1, 0x05, 4096, 4096);
	entry_put(8192 + 4096, 0, 0x82, 1, 2);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	assert_int_equal(found.count, 4);
	expect(1, 2048, 2048);
	expect(4, 4096, 1);
	expect(5, 8192 + 63, 1000);
	expect(6, 8192 + 4096 + 1, 2);
}

static void test_none(void **state)
{
	file_make("image", IMAGE_BYTES);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	assert_int_equal(found.count, 0);
	/* The signature of a boot sector, and noise. */
	file_write_pattern("image", 0, SECTOR);
	number_put(510, 0xaa55, 2);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	assert_int_equal(found.count, 0);
	for (uint64_t size = 0; size < 3 * SECTOR; size += 100) {
		file_make("image", size);
		assert_int_equal(partitions_of(size), 0);
		assert_int_equal(found.count, 0);
	}
}

static void test_flaws(void **state)
{
	file_make("image", IMAGE_BYTES);
	entry_put(0, 0, 0x83, 2048, 2048);
	entry_put(0, 1, 0x83, 4095, 2);
	entry_put(0, 2, 0x83, 131072 - 8, 9);
	entry_put(0, 3, 0x83, 0xffffffff, 0xffffffff);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	expect_flaw(1, "overlaps");
	expect_flaw(2, "overlaps");
	expect_flaw(3, "outside");
	expect_flaw(4, "outside");
	entry_put(0, 2, 0x83, 131072 - 8, 8);
	entry_put(0, 1, 0x83, 4096, 0);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	expect(1, 2048, 2048);
	expect(3, 131072 - 8, 8);
	assert_null(partitions_find(&found, 2));
	/* Bytes behind the last sector are nobody's. */
	assert_int_equal(partitions_of(IMAGE_BYTES - 1), 0);
	expect_flaw(3, "outside");
}

/* A chain that bites its tail, and one that is longer than any. */
static void test_chains(void **state)
{
	file_make("image", IMAGE_BYTES);
	entry_put(0, 0, 0x05, 64, 100000);
	entry_put(64, 0, 0x83, 1, 1);
	entry_put(64, 1, 0x05, 2, 2);
	entry_put(66, 0, 0x83, 1, 1);
	entry_put(66, 1, 0x05, 2, 2);
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	expect(5, 65, 1);
	expect(6, 67, 1);
	for (uint32_t i = 0; i < 2000; i++) {
		entry_put(64 + 2 * i, 0, 0x83, 1, 1);
		entry_put(64 + 2 * i, 1, 0x05, 2 * i + 2, 2);
	}
	assert_int_equal(partitions_of(IMAGE_BYTES), 0);
	assert_true(found.count <= PARTITIONS_LIMIT);
	expect(5, 65, 1);
	expect(200, 64 + 2 * 195 + 1, 1);
}

/* Whatever is in it: an answer, and nothing outside the image. */
static void test_noise(void **state)
{
	srand(7);
	for (unsigned round = 0; round < 300; round++) {
		file_make("image", 1 * MIB);
		for (unsigned i = 0; i < 4; i++)
			entry_put(0, i, round % 3 == i ? 0x05 : (unsigned)rand() % 256,
				  (uint32_t)rand() % 3000, (uint32_t)rand() % 3000);
		for (unsigned i = 0; i < 40; i++)
			entry_put((uint64_t)rand() % 2000 + 1, (unsigned)rand() % 4,
				  rand() % 2 ? 0x05 : 0x83, (uint32_t)rand() % 2000,
				  (uint32_t)rand() % 2000);
		if (partitions_of(1 * MIB) < 0)
			continue;
		for (unsigned i = 0; i < found.count; i++) {
			const struct partition *partition = &found.list[i];

			assert_true(partition->flaw ||
				    (partition->length_bytes > 0 &&
				     partition->start_bytes + partition->length_bytes <= 1 * MIB));
		}
	}
}

static void test_names(void **state)
{
	unsigned number = 77;

	assert_int_equal(partition_stem("data.img.p1", &number), 8);
	assert_int_equal(number, 1);
	assert_int_equal(partition_stem("a.p1.p255", &number), 4);
	assert_int_equal(number, 255);
	static const char *const wrong[] = {
		"data.img", "a.p",   "a.p0",   "a.p01", "a.p+1",    "a.p1x",
		"a.p 1",    "a.256", "a.p256", ".p1",   "a.p1.img", "a.p99999999999999999999"};
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
		assert_int_equal(partition_stem(wrong[i], &number), 0);
	assert_int_equal(number, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_gpt_absurd_elsewhere),
		SCRATCH_TEST(test_gpt),
		SCRATCH_TEST(test_gpt_from_its_copy),
		SCRATCH_TEST(test_gpt_absurd),
		SCRATCH_TEST(test_gpt_empty),
		SCRATCH_TEST(test_mbr),
		SCRATCH_TEST(test_none),
		SCRATCH_TEST(test_flaws),
		SCRATCH_TEST(test_chains),
		SCRATCH_TEST(test_noise),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
