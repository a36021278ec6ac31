/* SPDX-License-Identifier: MIT */
/*
 * How volumes are called: as the table says, else as what they are made of (part.h). Partitions of
 * an image that the table gives another name have that one, too.
 */
#ifndef MOUNT_NAMING_H
#define MOUNT_NAMING_H

#include <stdbool.h>

struct names;
struct part;

/* For a name that is made of that of another volume. */
struct naming {
	char text[320];
};

/*
 * The name of the image, or partition, behind a name at the mount, and the other way round. It is
 * one of the names', the given one, or in *room.
 */
const char *naming_image(const struct names *names, const char *volume, struct naming *room);
const char *naming_volume(const struct names *names, const struct part *part, struct naming *room);

/* What cannot be seen at the mount: the table, or a file, gives its name to another volume. */
bool naming_shadowed(const struct names *names, const struct part *part);

/* Whether any image may be passed through. */
bool naming_passthrough(const struct names *names);

#endif
