/* SPDX-License-Identifier: MIT */
/* What the table, or without one the mount, says of an image: its options, and its volume's name.
 */
#ifndef MOUNT_NAMING_H
#define MOUNT_NAMING_H

#include <stdbool.h>

struct image_options;
struct names;

const struct image_options *naming_options(const struct names *names, const char *image);

/* The name of the image behind a name at the mount, and the other way round. */
const char *naming_image(const struct names *names, const char *volume);
const char *naming_volume(const struct names *names, const char *image);

/* An image that cannot be seen at the mount: the table gives its name to another's volume. */
bool naming_shadowed(const struct names *names, const char *image);

/* Whether any image may be passed through. */
bool naming_passthrough(const struct names *names);

#endif
