// SPDX-License-Identifier: MIT
#include "image/partition_sectors.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/partitions.h"
#include "util/little_endian.h"
#include "util/macros.h"
#include "util/pages.h"

/* An MBR: four entries of 16 bytes, and the signature. */
enum {
	MBR_ENTRIES = 446,
	MBR_ENTRY_BYTES = 16,
	MBR_ENTRY_COUNT = 4,
	MBR_SIGNATURE = 510,
};

/* Entries of a GPT are a multiple of 128 bytes, and there are 128 of them. */
#define GPT_ENTRIES_LIMIT (1 * MIB)

static const char reason_absurd[] = "its GPT has an absurd number of entries";

struct copy {
	int from_fd, to_fd;
	uint64_t size_bytes;
	unsigned chained; /* sectors of logical partitions so far */
	const char **ret_reason;
};

static bool has_signature(const char *sector)
{
	return (unsigned char)sector[MBR_SIGNATURE] == 0x55 &&
	       (unsigned char)sector[MBR_SIGNATURE + 1] == 0xaa;
}

/* What lies outside is not there, as if it had been zeros. */
static bool is_inside(const struct copy *copy, uint64_t sector, uint64_t length)
{
	uint64_t sectors = copy->size_bytes / PARTITION_SECTOR_BYTES;

	return sector < sectors && length <= (sectors - sector) * PARTITION_SECTOR_BYTES;
}

/* Also hands out the first sector of it. */
static int copy_sectors(const struct copy *copy, uint64_t sector, uint64_t length,
			char ret_first[PARTITION_SECTOR_BYTES])
{
	const uint64_t at = sector * PARTITION_SECTOR_BYTES;
	struct pages pages;
	int r = pages_read(copy->from_fd, at, length, &pages);

	if (r < 0)
		return r;
	if (pwrite(copy->to_fd, pages.bytes, length, (off_t)at) != (ssize_t)length)
		r = -ENOMEM;
	memcpy(ret_first, pages.bytes, PARTITION_SECTOR_BYTES);
	free(pages.memory);
	return r;
}

/* GPT ---------------------------------------------------------------------- */

static bool is_absurd(const char *header)
{
	return (uint64_t)le32_load(header + 80) * le32_load(header + 84) > GPT_ENTRIES_LIMIT;
}

static bool is_gpt(const char *header)
{
	return memcmp(header, "EFI PART", 8) == 0;
}

static int copy_entries(const struct copy *copy, const char *header)
{
	const uint64_t bytes = (uint64_t)le32_load(header + 80) * le32_load(header + 84);
	const uint64_t length = round_up(bytes, PARTITION_SECTOR_BYTES);
	char first[PARTITION_SECTOR_BYTES];

	if (is_absurd(header)) {
		*copy->ret_reason = reason_absurd;
		return -EINVAL;
	}
	return bytes > 0 && is_inside(copy, le64_load(header + 72), length)
		       ? copy_sectors(copy, le64_load(header + 72), length, first)
		       : 0;
}

static int copy_gpt(const struct copy *copy, uint64_t sector)
{
	char header[PARTITION_SECTOR_BYTES];
	int r;

	if (!is_inside(copy, sector, sizeof(header)))
		return 0;
	r = copy_sectors(copy, sector, sizeof(header), header);
	return r < 0 || !is_gpt(header) ? r : copy_entries(copy, header);
}

/*
 * libblkid looks for a header in both places, and allocates what it says. One may have come into
 * the copy as another table's sector, too, or have changed between two reads.
 */
static int check_headers(const struct copy *copy)
{
	const uint64_t places[] = {1, copy->size_bytes / PARTITION_SECTOR_BYTES - 1};
	char header[PARTITION_SECTOR_BYTES];

	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		if (pread(copy->to_fd, header, sizeof(header),
			  (off_t)(places[i] * PARTITION_SECTOR_BYTES)) != sizeof(header))
			return -EIO;
		if (is_gpt(header) && is_absurd(header)) {
			*copy->ret_reason = reason_absurd;
			return -EINVAL;
		}
	}
	return 0;
}

int partition_sectors_copy_second(int fd, uint64_t size_bytes,
				  const struct partition_sectors *sectors, const char **ret_reason)
{
	const struct copy copy = {.from_fd = fd,
				  .to_fd = sectors->fd,
				  .size_bytes = size_bytes,
				  .ret_reason = ret_reason};

	int r = copy_gpt(&copy, size_bytes / PARTITION_SECTOR_BYTES - 1);

	return r < 0 ? r : check_headers(&copy);
}

/* MBR ---------------------------------------------------------------------- */

static bool is_container(const char *entry)
{
	const unsigned char type = (unsigned char)entry[4];

	return (type == 0x05 || type == 0x0f || type == 0x85) && le32_load(entry + 12) > 0;
}

/* The place of the first container among four entries, relative to whoever has them; 0: none. */
static uint64_t container_of(const char *sector)
{
	for (int i = 0; i < MBR_ENTRY_COUNT; i++) {
		const char *entry = sector + MBR_ENTRIES + i * MBR_ENTRY_BYTES;

		if (is_container(entry))
			return le32_load(entry + 8);
	}
	return 0;
}

/* Logical partitions are a chain: each begins with a sector that says where the next one does. */
static int copy_chain(struct copy *copy, uint64_t container)
{
	char sector[PARTITION_SECTOR_BYTES];
	uint64_t next = 0;
	int r;

	do {
		if (copy->chained++ > PARTITIONS_LIMIT ||
		    !is_inside(copy, container + next, sizeof(sector)))
			return 0;
		r = copy_sectors(copy, container + next, sizeof(sector), sector);
		next = r == 0 && has_signature(sector) ? container_of(sector) : 0;
	} while (next != 0);
	return r;
}

static int copy_table(struct copy *copy, const char *mbr, bool *ret_gpt)
{
	int r = pwrite(copy->to_fd, mbr, PARTITION_SECTOR_BYTES, 0) < 0 ? -errno : 0;

	for (int i = 0; i < MBR_ENTRY_COUNT && r == 0; i++) {
		const char *entry = mbr + MBR_ENTRIES + i * MBR_ENTRY_BYTES;

		*ret_gpt |= (unsigned char)entry[4] == 0xee;
		if (is_container(entry))
			r = copy_chain(copy, le32_load(entry + 8));
	}
	if (r == 0 && *ret_gpt)
		r = copy_gpt(copy, 1);
	return r < 0 ? r : check_headers(copy);
}

static int copy_make(uint64_t size_bytes)
{
	_cleanup_fd_ int fd = memfd_create("platterfs-partitions", MFD_CLOEXEC);
	int made = fd;

	if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
		return -errno;
	fd = -1;
	return made;
}

static int copy_found(struct copy *copy, const char *mbr, struct partition_sectors *ret_sectors)
{
	struct partition_sectors sectors = {.fd = copy_make(copy->size_bytes)};
	int r = copy->to_fd = sectors.fd;

	if (r >= 0)
		r = copy_table(copy, mbr, &sectors.gpt);
	if (r >= 0)
		*ret_sectors = sectors;
	else if (sectors.fd >= 0)
		close(sectors.fd);
	return r < 0 ? r : 0;
}

/* Most images have no table: one read, then, and nothing is made. */
int partition_sectors_copy(int fd, uint64_t size_bytes, struct partition_sectors *ret_sectors,
			   const char **ret_reason)
{
	struct copy copy = {.from_fd = fd, .size_bytes = size_bytes, .ret_reason = ret_reason};
	struct pages mbr;
	int r;

	*ret_sectors = (struct partition_sectors){.fd = -1};
	if (size_bytes < 2 * PARTITION_SECTOR_BYTES)
		return 0;
	r = pages_read(fd, 0, PARTITION_SECTOR_BYTES, &mbr);
	if (r < 0)
		return r;
	if (has_signature(mbr.bytes))
		r = copy_found(&copy, mbr.bytes, ret_sectors);
	free(mbr.memory);
	return r;
}
