// SPDX-License-Identifier: MIT
/*
 * The child. It lives for one answer, and whatever happens in it, an exhausted memory or a header
 * made to confuse libcryptsetup, ends with it.
 */
#include <errno.h>
#include <libcryptsetup.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/cryptsetup_log.h"
#include "crypt/exchange.h"
#include "crypt/luks.h"
#include "crypt/plain.h"
#include "crypt/tcrypt.h"
#include "util/macros.h"

/* Of core dumps and debuggers nothing that comes into this process is to be seen. */
static int forbid_dumps(void)
{
	const struct rlimit none = {0, 0};

	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ? -errno
											   : 0;
}

/* Whoever asked may have died before the kernel was told what shall happen then. */
static void die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
}

static int map(int fd, size_t bytes, int protection, void **ret_memory)
{
	struct stat status;
	void *memory;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size < bytes)
		return -EINVAL;
	memory = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	madvise(memory, bytes, MADV_DONTDUMP);
	*ret_memory = memory;
	return 0;
}

static int plain_answer(struct exchange *exchange, const uint8_t *passphrase)
{
	int r = plain_describe(&exchange->request, &exchange->key, exchange->reason);

	if (r == 0 && !exchange->inspect)
		r = plain_key_hashed(&exchange->request, passphrase, exchange->passphrase_length,
				     &exchange->key, exchange->reason);
	return r;
}

static int answer(struct exchange *exchange)
{
	void *passphrase = NULL;
	int r = 0;

	if (exchange->has_passphrase)
		r = map(EXCHANGE_PASSPHRASE_FD, UNLOCK_PASSPHRASE_LIMIT_BYTES, PROT_READ,
			&passphrase);
	if (r < 0)
		return r;
	switch (exchange->request.type) {
	case UNLOCK_LUKS:
		return luks_answer(exchange, passphrase);
	case UNLOCK_PLAIN:
		return plain_answer(exchange, passphrase);
	case UNLOCK_TCRYPT:
		return tcrypt_answer(exchange, passphrase);
	default:
		return -EOPNOTSUPP;
	}
}

int unlock_child(void)
{
	struct exchange *exchange;
	void *memory;
	int r = forbid_dumps();

	if (r == 0)
		r = map(EXCHANGE_FD, sizeof(*exchange), PROT_READ | PROT_WRITE, &memory);
	if (r < 0)
		return r;
	exchange = memory;
	die_with(exchange->parent);
	crypt_metadata_locking(NULL, 0);
	cryptsetup_log_to(exchange->reason);
	r = answer(exchange);
	exchange->result = r;
	exchange->answered = true;
	/* No handler at exit has anything to do with the keys here. */
	_exit(0);
}
