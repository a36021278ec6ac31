// SPDX-License-Identifier: MIT
#include "image/partitions.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "image/partition_sectors.h"
#include "util/macros.h"

/* "Lies in another one" and "has another one in it" are the same to whoever writes both. */
static const char flaw_outside[] = "it lies outside the image";
static const char flaw_overlap[] = "it overlaps another one";
static const char flaw_twice[] = "two have its number";

size_t partition_stem(const char *name, unsigned *ret_number)
{
	const char *dot = strrchr(name, '.');
	unsigned long number;
	char *end;

	/* Not "p01", "p+1": a volume has one name. */
	if (!dot || dot == name || dot[1] != 'p' || dot[2] < '1' || dot[2] > '9')
		return 0;
	number = strtoul(dot + 2, &end, 10);
	if (*end || number > PARTITIONS_LIMIT)
		return 0;
	*ret_number = (unsigned)number;
	return (size_t)(dot - name);
}

const struct partition *partitions_find(const struct partitions *partitions, unsigned number)
{
	for (unsigned i = 0; i < partitions->count; i++)
		if (partitions->list[i].number == number)
			return &partitions->list[i];
	return NULL;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct partition *left = a, *right = b;

	return (left->number > right->number) - (left->number < right->number);
}

/* Of what is in a table of its own inside a partition, the kernel knows more than we do. */
static bool is_shown(blkid_partition partition)
{
	const int number = blkid_partition_get_partno(partition);

	return number >= 1 && number <= (int)PARTITIONS_LIMIT &&
	       blkid_partition_get_size(partition) > 0 && !blkid_partition_is_extended(partition) &&
	       !blkid_parttable_get_parent(blkid_partition_get_table(partition));
}

static void add(struct partitions *partitions, blkid_partition partition, uint64_t size_bytes)
{
	const uint64_t sectors = size_bytes / PARTITION_SECTOR_BYTES;
	const uint64_t start = (uint64_t)blkid_partition_get_start(partition);
	const uint64_t length = (uint64_t)blkid_partition_get_size(partition);
	struct partition *added;

	if (!is_shown(partition) || partitions->count == PARTITIONS_LIMIT)
		return;
	added = &partitions->list[partitions->count++];
	*added = (struct partition){.number = (unsigned)blkid_partition_get_partno(partition)};
	if (start >= sectors || length > sectors - start) {
		added->flaw = flaw_outside;
		return;
	}
	added->start_bytes = start * PARTITION_SECTOR_BYTES;
	added->length_bytes = length * PARTITION_SECTOR_BYTES;
}

static bool overlap(const struct partition *a, const struct partition *b)
{
	return a->start_bytes < b->start_bytes + b->length_bytes &&
	       b->start_bytes < a->start_bytes + a->length_bytes;
}

/* Nobody can say which of the two is right. */
static void check_pair(struct partition *a, struct partition *b)
{
	const char *flaw = a->number == b->number ? flaw_twice
			   : overlap(a, b)        ? flaw_overlap
						  : NULL;

	if (flaw && a->flaw != flaw_outside)
		a->flaw = flaw;
	if (flaw && b->flaw != flaw_outside)
		b->flaw = flaw;
}

static void check(struct partitions *partitions)
{
	for (unsigned i = 0; i < partitions->count; i++)
		for (unsigned j = 0; j < i; j++)
			check_pair(&partitions->list[j], &partitions->list[i]);
}

static bool probe_prepare(blkid_probe prober, int fd)
{
	char *types[] = {"dos", "gpt", NULL};

	return blkid_probe_set_device(prober, fd, 0, 0) == 0 &&
	       blkid_probe_enable_superblocks(prober, 0) == 0 &&
	       blkid_probe_enable_partitions(prober, 1) == 0 &&
	       blkid_probe_filter_partitions_type(prober, BLKID_FLTR_ONLYIN, types) == 0;
}

static int probe_list(blkid_probe prober, uint64_t size_bytes, struct partitions *partitions)
{
	blkid_partlist list = blkid_probe_get_partitions(prober);
	const int count = list ? blkid_partlist_numof_partitions(list) : 0;

	for (int i = 0; i < count; i++)
		add(partitions, blkid_partlist_get_partition(list, i), size_bytes);
	return count;
}

/* Whether there is a table: an empty one is one, a damaged one is not. */
static int read_copy(int copy_fd, uint64_t size_bytes, struct partitions *partitions)
{
	blkid_probe prober = blkid_new_probe();
	int found = -ENOMEM;

	if (prober)
		found = probe_prepare(prober, copy_fd) &&
			(probe_list(prober, size_bytes, partitions) > 0 ||
			 blkid_do_probe(prober) == 0);
	blkid_free_probe(prober);
	return found;
}

/* The second GPT is read only where the first one is of no use. */
static int read_copies(int fd, uint64_t size_bytes, const struct partition_sectors *sectors,
		       struct partitions *partitions, const char **ret_reason)
{
	int r = read_copy(sectors->fd, size_bytes, partitions);

	if (r != 0 || !sectors->gpt)
		return r < 0 ? r : 0;
	r = partition_sectors_copy_second(fd, size_bytes, sectors, ret_reason);
	if (r == 0)
		r = read_copy(sectors->fd, size_bytes, partitions);
	if (r != 0)
		return r < 0 ? r : 0;
	*ret_reason = "its GPT is damaged";
	return -EINVAL;
}

int partitions_read(int fd, uint64_t size_bytes, struct partitions *ret_partitions,
		    const char **ret_reason)
{
	struct partitions partitions = {.count = 0};
	struct partition_sectors sectors;
	int r;

	*ret_reason = NULL;
	r = partition_sectors_copy(fd, size_bytes, &sectors, ret_reason);
	if (r == 0 && sectors.fd >= 0) {
		r = read_copies(fd, size_bytes, &sectors, &partitions, ret_reason);
		close(sectors.fd);
	}
	if (r < 0)
		return r;
	qsort(partitions.list, partitions.count, sizeof(*partitions.list), compare_numbers);
	check(&partitions);
	*ret_partitions = partitions;
	return 0;
}
