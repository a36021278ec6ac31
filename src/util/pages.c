// SPDX-License-Identifier: MIT
#include "util/pages.h"

#include <errno.h>
#include <string.h>

#include "util/macros.h"

#define PAGE_BYTES 4096u

int pages_read(int fd, uint64_t at, uint64_t length, struct pages *ret_pages)
{
	const uint64_t from = round_down(at, PAGE_BYTES);
	const uint64_t room = round_up(at + length, PAGE_BYTES) - from;
	char *memory = aligned_alloc(PAGE_BYTES, room);
	int r;

	if (!memory)
		return -ENOMEM;
	memset(memory, 0, room);
	if (pread(fd, memory, room, (off_t)from) < 0) {
		r = -errno;
		free(memory);
		return r;
	}
	*ret_pages = (struct pages){.memory = memory, .bytes = memory + (at - from)};
	return 0;
}
