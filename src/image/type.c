// SPDX-License-Identifier: MIT
#include "image/type.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/pages.h"

/* The LUKS1 and LUKS2 on-disk formats: magic, then the version, big-endian. */
static const unsigned char luks1_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1};
static const unsigned char luks2_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 2};

/* The second header of LUKS2, where luksFormat puts it unless it is told of another size. */
static const unsigned char luks2_second_magic[] = {'S', 'K', 'U', 'L', 0xba, 0xbe, 0, 2};
#define LUKS2_SECOND_OFFSET 0x4000

/* Enough for every magic that is looked for. */
#define MAGIC_BYTES 16

static enum image_type type_of(const char *bytes)
{
	if (memcmp(bytes, luks1_magic, sizeof(luks1_magic)) == 0)
		return IMAGE_LUKS1;
	return memcmp(bytes, luks2_magic, sizeof(luks2_magic)) == 0 ? IMAGE_LUKS2 : IMAGE_RAW;
}

static bool has_second_header(const char *bytes)
{
	return memcmp(bytes, luks2_second_magic, sizeof(luks2_second_magic)) == 0;
}

/* Damage to the first header must not make a raw image of an encrypted one. */
int image_type_read(int fd, uint64_t at, enum image_type *ret_type)
{
	struct pages pages;
	int r = pages_read(fd, at, MAGIC_BYTES, &pages);

	if (r < 0)
		return r;
	*ret_type = type_of(pages.bytes);
	free(pages.memory);
	if (*ret_type != IMAGE_RAW)
		return 0;
	r = pages_read(fd, at + LUKS2_SECOND_OFFSET, MAGIC_BYTES, &pages);
	if (r < 0)
		return r;
	if (has_second_header(pages.bytes))
		*ret_type = IMAGE_LUKS2;
	free(pages.memory);
	return 0;
}

int image_bitlocker_read(int fd, uint64_t at, bool *ret_bitlocker)
{
	static const char magic[] = "-FVE-FS-"; /* where a boot sector has the system's name */
	struct pages pages;
	int r = pages_read(fd, at, MAGIC_BYTES, &pages);

	if (r < 0)
		return r;
	*ret_bitlocker = memcmp(pages.bytes + 3, magic, strlen(magic)) == 0;
	free(pages.memory);
	return 0;
}

const char *image_type_name(enum image_type type)
{
	static const char *const names[] = {"raw", "luks1", "luks2"};

	return names[type];
}
