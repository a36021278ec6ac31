// SPDX-License-Identifier: MIT
/* What the start of a raw image says about how long it has to be. */
#include <blkid/blkid.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "image/resize.h"
#include "util/little_endian.h"
#include "util/macros.h"
#include "util/pages.h"

/* Linux fs/ext4/ext4.h: struct ext4_super_block, at byte 1024. */
static uint64_t ext_bytes(const char *super)
{
	uint64_t blocks = le32_load(super + 4);
	uint32_t shift = le32_load(super + 24);

	if (le16_load(super + 56) != 0xef53 || shift > 6)
		return 0;
	/* EXT4_FEATURE_INCOMPAT_64BIT: the upper half of the count means something. */
	if (le32_load(super + 96) & 0x80)
		blocks |= (uint64_t)le32_load(super + 0x150) << 32;
	return blocks << (10 + shift);
}

/* Linux fs/xfs/libxfs/xfs_format.h: struct xfs_dsb. */
static uint64_t xfs_bytes(const char *super)
{
	uint32_t block;
	uint64_t blocks;

	memcpy(&block, super + 4, sizeof(block));
	memcpy(&blocks, super + 8, sizeof(blocks));
	return memcmp(super, "XFSB", 4) == 0 ? be64toh(blocks) * be32toh(block) : 0;
}

/* Linux include/uapi/linux/btrfs_tree.h: struct btrfs_super_block, at byte 65536. */
static uint64_t btrfs_bytes(const char *super)
{
	return memcmp(super + 0x40, "_BHRfS_M", 8) == 0 ? le64_load(super + 0x70) : 0;
}

/* UEFI: the header of a GPT says where its copy is, in the last sector. */
static uint64_t gpt_bytes(const char *header)
{
	return memcmp(header, "EFI PART", 8) == 0 ? (le64_load(header + 32) + 1) * 512 : 0;
}

static const struct {
	const char *what;
	uint64_t at;
	uint64_t (*bytes)(const char *super);
} known[] = {
	{"ext2, ext3 or ext4", 1024, ext_bytes},
	{"xfs", 0, xfs_bytes},
	{"btrfs", 65536, btrfs_bytes},
	{"a GPT", 512, gpt_bytes},
};

/* Where the last partition of any other table ends. */
static uint64_t partitions_end(blkid_partlist partitions)
{
	int count = blkid_partlist_numof_partitions(partitions);
	uint64_t end = 0;

	for (int i = 0; i < count; i++) {
		blkid_partition partition = blkid_partlist_get_partition(partitions, i);
		uint64_t sectors = (uint64_t)blkid_partition_get_start(partition) +
				   (uint64_t)blkid_partition_get_size(partition);

		end = max_u64(end, sectors * 512);
	}
	return end;
}

static uint64_t table_bytes(const struct image *image)
{
	blkid_probe probe = blkid_new_probe();
	blkid_partlist partitions = NULL;
	uint64_t bytes = 0;

	if (probe && blkid_probe_set_device(probe, image->buffered_fd, 0, 0) == 0 &&
	    blkid_probe_enable_partitions(probe, 1) == 0)
		partitions = blkid_probe_get_partitions(probe);
	if (partitions)
		bytes = partitions_end(partitions);
	blkid_free_probe(probe);
	/* It has read through the page cache. */
	posix_fadvise(image->buffered_fd, 0, 0, POSIX_FADV_DONTNEED);
	return bytes;
}

int image_needed(const struct image *image, uint64_t *ret_bytes, const char **ret_what)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(known) && bytes == 0; i++) {
		struct pages pages;
		int r = pages_read(image->direct_fd, known[i].at, 1024, &pages);

		if (r < 0)
			return r;
		bytes = known[i].bytes(pages.bytes);
		*ret_what = known[i].what;
		free(pages.memory);
	}
	if (bytes == 0) {
		bytes = table_bytes(image);
		*ret_what = "a partition table";
	}
	*ret_bytes = bytes;
	return 0;
}
