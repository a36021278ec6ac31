// SPDX-License-Identifier: MIT
#include "image/type.h"

#include <errno.h>
#include <string.h>

#include "image/image.h"
#include "util/macros.h"

/* The LUKS1 and LUKS2 on-disk formats: magic, then the version, big-endian. */
static const unsigned char luks1_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 1};
static const unsigned char luks2_magic[] = {'L', 'U', 'K', 'S', 0xba, 0xbe, 0, 2};

int image_type_read(int fd, uint64_t at, enum image_type *ret_type)
{
	const uint64_t start = round_down(at, IMAGE_PAGE_BYTES);
	_cleanup_free_ unsigned char *pages = aligned_alloc(IMAGE_PAGE_BYTES, 2 * IMAGE_PAGE_BYTES);
	const unsigned char *magic = pages + (at - start);

	if (!pages)
		return -ENOMEM;
	memset(pages, 0, 2 * IMAGE_PAGE_BYTES);
	if (pread(fd, pages, 2 * IMAGE_PAGE_BYTES, (off_t)start) < 0)
		return -errno;
	if (memcmp(magic, luks1_magic, sizeof(luks1_magic)) == 0)
		*ret_type = IMAGE_LUKS1;
	else if (memcmp(magic, luks2_magic, sizeof(luks2_magic)) == 0)
		*ret_type = IMAGE_LUKS2;
	else
		*ret_type = IMAGE_RAW;
	return 0;
}

const char *image_type_name(enum image_type type)
{
	static const char *const names[] = {"raw", "luks1", "luks2"};

	return names[type];
}
