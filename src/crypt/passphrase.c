// SPDX-License-Identifier: MIT
/* Memory that two processes share, and passphrases in it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypt/exchange.h"
#include "crypt/secret.h"
#include "util/macros.h"

/* What nearly every passphrase and keyfile fits into, and every RLIMIT_MEMLOCK has room for. */
#define PASSPHRASE_LOCKED_BYTES (16 * KIB)

struct passphrase {
	int fd;
	uint8_t *bytes;
	size_t length;
};

static int shared_seal(int fd, size_t bytes)
{
	if (ftruncate(fd, (off_t)bytes) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return 0;
}

int shared_new(size_t bytes, size_t locked_bytes, int *ret_fd, void **ret_memory)
{
	_cleanup_fd_ int fd = memfd_create("platterfs", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;
	int r;

	if (fd < 0)
		return -errno;
	r = shared_seal(fd, bytes);
	if (r < 0)
		return r;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	madvise(memory, bytes, MADV_DONTDUMP);
	mlock(memory, locked_bytes);
	*ret_memory = memory;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* Only where something was written: the rest has no pages, and shall not get any now. */
void shared_free(int fd, void *memory, size_t bytes)
{
	off_t data = 0, hole;

	while ((data = lseek(fd, data, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || hole > (off_t)bytes)
			hole = (off_t)bytes;
		secret_wipe((char *)memory + data, (size_t)(hole - data));
		data = hole;
	}
	munmap(memory, bytes);
	close(fd);
}

int passphrase_new(struct passphrase **ret_passphrase)
{
	struct passphrase *passphrase = calloc(1, sizeof(*passphrase));
	void *memory;
	int r;

	if (!passphrase)
		return -ENOMEM;
	r = shared_new(UNLOCK_PASSPHRASE_LIMIT_BYTES, PASSPHRASE_LOCKED_BYTES, &passphrase->fd,
		       &memory);
	if (r < 0) {
		free(passphrase);
		return r;
	}
	passphrase->bytes = memory;
	*ret_passphrase = passphrase;
	return 0;
}

void passphrase_free(struct passphrase *passphrase)
{
	if (!passphrase)
		return;
	shared_free(passphrase->fd, passphrase->bytes, UNLOCK_PASSPHRASE_LIMIT_BYTES);
	free(passphrase);
}

uint8_t *passphrase_bytes(struct passphrase *passphrase)
{
	return passphrase->bytes;
}

const uint8_t *passphrase_peek(const struct passphrase *passphrase)
{
	return passphrase->bytes;
}

size_t passphrase_length(const struct passphrase *passphrase)
{
	return passphrase->length;
}

void passphrase_set_length(struct passphrase *passphrase, size_t length)
{
	passphrase->length = length;
}

int passphrase_fd(const struct passphrase *passphrase)
{
	return passphrase->fd;
}
