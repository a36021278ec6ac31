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

void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->names[i]);
	free(listing->names);
	free(listing);
}

static int listing_add(struct listing *listing, const char *name)
{
	if (listing->count == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 64;
		char **names = reallocarray(listing->names, room, sizeof(*names));

		if (!names)
			return -ENOMEM;
		listing->names = names;
		listing->room = room;
	}
	listing->names[listing->count] = strdup(name);
	if (!listing->names[listing->count])
		return -ENOMEM;
	listing->count++;
	return 0;
}

static bool is_image(DIR *folder, const struct dirent *entry)
{
	struct stat status;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_REG;
	return fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode);
}

static int listing_read(struct listing *listing, DIR *folder, const char *only)
{
	const struct dirent *entry;
	int r = 0;

	while (r == 0 && (entry = readdir(folder)))
		if (is_image(folder, entry) && (!only || strcmp(only, entry->d_name) == 0))
			r = listing_add(listing, entry->d_name);
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
