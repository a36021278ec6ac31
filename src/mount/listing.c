// SPDX-License-Identifier: MIT
#include "mount/listing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/image.h"
#include "mount/namespace.h"
#include "util/macros.h"

void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free((char *)listing->entries[i].part.name);
	free(listing->entries);
	free(listing);
}

static int listing_add(struct listing *listing, const struct part *part)
{
	struct listing_entry *added;

	if (listing->count == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 64;
		struct listing_entry *entries = reallocarray(listing->entries, room,
							     sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		listing->entries = entries;
		listing->room = room;
	}
	added = &listing->entries[listing->count];
	*added = (struct listing_entry){.part = *part};
	added->part.name = strdup(part->name);
	if (!added->part.name)
		return -ENOMEM;
	listing->count++;
	return 0;
}

/* Where the folder does not tell, the file does; image_find() never enters our own mount. */
static bool is_image(DIR *folder, const struct dirent *entry)
{
	const char *reason;
	int fd;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	fd = image_find(dirfd(folder), entry->d_name, &reason);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int compare_entries(const void *a, const void *b)
{
	const struct listing_entry *left = a, *right = b;

	return strcmp(left->part.name, right->part.name);
}

static struct listing_entry *find(const struct listing *listing, size_t count, const char *name)
{
	const struct listing_entry key = {.part = {.name = name}};

	return bsearch(&key, listing->entries, count, sizeof(*listing->entries), compare_entries);
}

static void listing_sort(struct listing *listing)
{
	qsort(listing->entries, listing->count, sizeof(*listing->entries), compare_entries);
}

void listing_take(struct listing *listing, const char *name)
{
	struct listing_entry *found = find(listing, listing->count, name);

	if (found)
		found->taken = true;
}

static int listing_read(struct listing *listing, DIR *folder, const char *only)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(folder))) {
		const struct part part = {.name = entry->d_name};

		if (is_image(folder, entry) && (!only || strcmp(only, entry->d_name) == 0))
			r = listing_add(listing, &part);
	}
	listing_sort(listing);
	return r;
}

/* The first `files` entries are files, which come first where they have a partition's name. */
static int add_partition(struct listing *listing, size_t files, struct names *names,
			 const char *image, const struct partition *partition)
{
	const char *flaw = partition->flaw;
	struct part part = {.partition = *partition};
	_cleanup_free_ char *name = NULL;

	if (asprintf(&name, "%s.p%u", image, partition->number) < 0)
		return -ENOMEM;
	part.name = name;
	if (!flaw && strlen(name) > NAME_MAX)
		flaw = "its name is too long";
	if (!flaw && find(listing, files, name))
		flaw = "a file of the folder has its name";
	if (flaw)
		part_say(names, image, partition->number, flaw);
	return flaw ? 0 : listing_add(listing, &part);
}

static int add_partitions(struct listing *listing, size_t files, struct names *names,
			  const char *image)
{
	struct partitions partitions;
	const char *reason;
	int r = part_list(names, image, &partitions, &reason);

	/* The folder is listed all the same. */
	if (r < 0)
		part_say(names, image, 0, reason ? reason : strerror(-r));
	r = 0;
	for (unsigned i = 0; i < partitions.count && r == 0; i++)
		r = add_partition(listing, files, names, image, &partitions.list[i]);
	return r;
}

static int listing_add_partitions(struct listing *listing, struct names *names)
{
	const size_t files = listing->count;
	int r = 0;

	for (size_t i = 0; i < files && r == 0; i++)
		r = add_partitions(listing, files, names, listing->entries[i].part.name);
	listing_sort(listing);
	return r;
}

static int folder_open(int folder_fd, DIR **ret_folder)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	*ret_folder = fdopendir(fd);
	if (*ret_folder)
		return 0;
	r = -errno;
	close(fd);
	return r;
}

int listing_new(struct names *names, struct listing **ret_listing)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	DIR *folder;
	int r = listing ? folder_open(names->folder_fd, &folder) : -ENOMEM;

	if (r == 0) {
		r = listing_read(listing, folder, names->only);
		closedir(folder);
	}
	if (r == 0 && part_wanted(names))
		r = listing_add_partitions(listing, names);
	if (r < 0 && listing)
		listing_free(listing);
	else
		*ret_listing = listing;
	return r;
}
