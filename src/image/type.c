// SPDX-License-Identifier: MIT
#include "image/type.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "image/image.h"
#include "util/macros.h"

/* The LUKS1 and LUKS2 on-disk formats: magic, then the version, big-endian. */
static const unsigned char luks1_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1};
static const unsigned char luks2_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 2};

/* The second header of LUKS2, where luksFormat puts it unless it is told of another size. */
static const unsigned char luks2_second_magic[] = {'S', 'K', 'U', 'L', 0xba, 0xbe, 0, 2};
#define LUKS2_SECOND_OFFSET 0x4000

/* What is read of an image, into memory that direct I/O takes. */
struct start {
	unsigned char *pages;
	const unsigned char *bytes; /* the wanted ones; zeros where the image ends before */
};

static int start_read(int fd, uint64_t at, struct start *ret_start)
{
	const uint64_t from = round_down(at, IMAGE_PAGE_BYTES);
	unsigned char *pages = aligned_alloc(IMAGE_PAGE_BYTES, 2 * IMAGE_PAGE_BYTES);
	int r;

	if (!pages)
		return -ENOMEM;
	memset(pages, 0, 2 * IMAGE_PAGE_BYTES);
	if (pread(fd, pages, 2 * IMAGE_PAGE_BYTES, (off_t)from) < 0) {
		r = -errno;
		free(pages);
		return r;
	}
	*ret_start = (struct start){.pages = pages, .bytes = pages + (at - from)};
	return 0;
}

static enum image_type type_of(const unsigned char *bytes)
{
	if (memcmp(bytes, luks1_magic, sizeof(luks1_magic)) == 0)
		return IMAGE_LUKS1;
	return memcmp(bytes, luks2_magic, sizeof(luks2_magic)) == 0 ? IMAGE_LUKS2 : IMAGE_RAW;
}

static bool has_second_header(const unsigned char *bytes)
{
	return memcmp(bytes, luks2_second_magic, sizeof(luks2_second_magic)) == 0;
}

/* Damage to the first header must not make a raw image of an encrypted one. */
int image_type_read(int fd, uint64_t at, enum image_type *ret_type)
{
	struct start start;
	int r = start_read(fd, at, &start);

	if (r < 0)
		return r;
	*ret_type = type_of(start.bytes);
	free(start.pages);
	if (*ret_type != IMAGE_RAW)
		return 0;
	r = start_read(fd, at + LUKS2_SECOND_OFFSET, &start);
	if (r < 0)
		return r;
	if (has_second_header(start.bytes))
		*ret_type = IMAGE_LUKS2;
	free(start.pages);
	return 0;
}

int image_bitlocker_read(int fd, uint64_t at, bool *ret_bitlocker)
{
	static const char magic[] = "-FVE-FS-"; /* where a boot sector has the system's name */
	struct start start;
	int r = start_read(fd, at, &start);

	if (r < 0)
		return r;
	*ret_bitlocker = memcmp(start.bytes + 3, magic, strlen(magic)) == 0;
	free(start.pages);
	return 0;
}

const char *image_type_name(enum image_type type)
{
	static const char *const names[] = {"raw", "luks1", "luks2"};

	return names[type];
}
