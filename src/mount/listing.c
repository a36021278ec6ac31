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

void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->entries[i].name);
	free(listing->entries);
	free(listing);
}

static int listing_add(struct listing *listing, const char *name)
{
	if (listing->count == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 64;
		struct listing_entry *entries = reallocarray(listing->entries, room,
							     sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		listing->entries = entries;
		listing->room = room;
	}
	listing->entries[listing->count].name = strdup(name);
	if (!listing->entries[listing->count].name)
		return -ENOMEM;
	listing->entries[listing->count++].taken = false;
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

	return strcmp(left->name, right->name);
}

void listing_take(struct listing *listing, const char *name)
{
	const struct listing_entry key = {.name = (char *)name};
	struct listing_entry *found = bsearch(&key, listing->entries, listing->count,
					      sizeof(*listing->entries), compare_entries);

	if (found)
		found->taken = true;
}

static int listing_read(struct listing *listing, DIR *folder, const char *only)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(folder)))
		if (is_image(folder, entry) && (!only || strcmp(only, entry->d_name) == 0))
			r = listing_add(listing, entry->d_name);
	qsort(listing->entries, listing->count, sizeof(*listing->entries), compare_entries);
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

int listing_new(int folder_fd, const char *only, struct listing **ret_listing)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	DIR *folder;
	int r = listing ? folder_open(folder_fd, &folder) : -ENOMEM;

	if (r == 0) {
		r = listing_read(listing, folder, only);
		closedir(folder);
	}
	if (r < 0 && listing)
		listing_free(listing);
	else
		*ret_listing = listing;
	return r;
}
