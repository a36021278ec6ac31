// SPDX-License-Identifier: MIT
/* Everything is read straight into the passphrase's memory, and nowhere else. */
#include "crypt/key_source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crypt/reason.h"
#include "crypt/terminal.h"
#include "util/macros.h"

static const char user_prefix[] = "%user:";
static const char credential_prefix[] = "%cred:";

/* What follows the prefix, or NULL. */
static const char *after(const char *source, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(source, prefix, length) == 0 ? source + length : NULL;
}

static bool is_terminal(const char *source)
{
	return !source || strcmp(source, "none") == 0;
}

bool key_source_is_file(const char *source)
{
	return !is_terminal(source) && strcmp(source, "-") != 0 && !after(source, user_prefix) &&
	       !after(source, credential_prefix);
}

bool key_source_asks(const struct key_source *source)
{
	return is_terminal(source->source) ||
	       (strcmp(source->source, "-") == 0 && isatty(STDIN_FILENO));
}

/* Up to `limit` bytes, to the end of the file. Their number, or negative errno. */
static ssize_t read_up_to(int fd, uint8_t *bytes, size_t limit)
{
	size_t done = 0;

	while (done < limit) {
		ssize_t n = read(fd, bytes + done, limit - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
	}
	return (ssize_t)done;
}

/* What cannot seek is read past: what is skipped may be secret too. */
static int skip(int fd, uint64_t count, struct passphrase *passphrase)
{
	if (count == 0 || lseek(fd, (off_t)count, SEEK_SET) >= 0)
		return 0;
	if (errno != ESPIPE)
		return -errno;
	while (count > 0) {
		size_t piece = (size_t)min_u64(count, UNLOCK_PASSPHRASE_LIMIT_BYTES);
		ssize_t n = read_up_to(fd, passphrase_bytes(passphrase), piece);

		if (n <= 0)
			return (int)n;
		count -= (uint64_t)n;
	}
	return 0;
}

static int refuse_size(const struct key_source *source, int error, char reason[UNLOCK_REASON_BYTES])
{
	if (error == -EFBIG)
		return reason_set(reason, error, "%s: larger than %d MiB: keyfile-size= is missing",
				  source->source, UNLOCK_PASSPHRASE_LIMIT_BYTES >> 20);
	return reason_set(reason, error,
			  "%s: shorter than keyfile-offset= and keyfile-size= together",
			  source->source);
}

/* As cryptsetup: the size that was asked for, or everything. */
static int file_read(const struct key_source *source, int fd, struct passphrase *passphrase,
		     char reason[UNLOCK_REASON_BYTES])
{
	size_t limit = UNLOCK_PASSPHRASE_LIMIT_BYTES;
	ssize_t length;
	uint8_t more;
	int r;

	if (source->size_bytes > limit)
		return reason_set(reason, -EFBIG, "%s: keyfile-size= is more than %d MiB",
				  source->source, UNLOCK_PASSPHRASE_LIMIT_BYTES >> 20);
	if (source->size_bytes)
		limit = source->size_bytes;
	r = skip(fd, source->offset_bytes, passphrase);
	if (r < 0)
		return r;
	length = read_up_to(fd, passphrase_bytes(passphrase), limit);
	if (length < 0)
		return (int)length;
	if (source->size_bytes && (size_t)length < limit)
		return refuse_size(source, -EINVAL, reason);
	if (!source->size_bytes && (size_t)length == limit && read_up_to(fd, &more, 1) == 1)
		return refuse_size(source, -EFBIG, reason);
	passphrase_set_length(passphrase, (size_t)length);
	return 0;
}

static int refuse_to_wait(const struct key_source *source, char reason[UNLOCK_REASON_BYTES])
{
	return reason_set(reason, -ENOKEY, "%s: cannot be read now",
			  is_terminal(source->source) ? "the terminal" : source->source);
}

static int keyfile_read(const struct key_source *source, const char *path,
			struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	int flags = source->at_once ? O_NONBLOCK : 0;
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (source->at_once && S_ISFIFO(status.st_mode))
		return refuse_to_wait(source, reason);
	return file_read(source, fd, passphrase, reason);
}

/* The name is one of the credentials, wherever the folder is. */
static int credential_read(const struct key_source *source, const char *name,
			   struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_free_ char *path = NULL;

	if (*name == 0 || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return reason_set(reason, -EINVAL, "%s: not the name of a credential",
				  source->source);
	if (!folder)
		return reason_set(reason, -ENOENT,
				  "%s: this was not started by systemd with credentials",
				  source->source);
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	return keyfile_read(source, path, passphrase, reason);
}

/* Session first, then user. */
static long keyring_search(const char *name)
{
	static const int keyrings[] = {KEY_SPEC_SESSION_KEYRING, KEY_SPEC_USER_KEYRING};
	long key = -1;

	for (size_t i = 0; i < ARRAY_LENGTH(keyrings) && key < 0; i++)
		key = syscall(SYS_keyctl, KEYCTL_SEARCH, keyrings[i], "user", name, 0);
	return key;
}

static int key_read(const struct key_source *source, const char *name,
		    struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	size_t limit = UNLOCK_PASSPHRASE_LIMIT_BYTES;
	long key = keyring_search(name), length;

	if (key < 0 && (errno == ENOKEY || errno == EKEYEXPIRED || errno == EKEYREVOKED))
		return reason_set(reason, -ENOKEY,
				  "%s: no such key in the keyrings of the session and the user",
				  source->source);
	if (key < 0)
		return -errno;
	length = syscall(SYS_keyctl, KEYCTL_READ, key, passphrase_bytes(passphrase), limit);
	if (length < 0)
		return -errno;
	if ((size_t)length > limit)
		return -EFBIG;
	passphrase_set_length(passphrase, (size_t)length);
	return 0;
}

/*
 * Only who possesses a key may read it, that is, finds it from a keyring of his process, thread or
 * session; a session need not have the user's keyring in it. So this thread gets it for a moment.
 */
static int keyring_read(const struct key_source *source, const char *name,
			struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	const int user = KEY_SPEC_USER_KEYRING, thread = KEY_SPEC_THREAD_KEYRING;
	bool linked = syscall(SYS_keyctl, KEYCTL_LINK, user, thread) == 0;
	int r = key_read(source, name, passphrase, reason);

	if (linked)
		syscall(SYS_keyctl, KEYCTL_UNLINK, user, thread);
	return r;
}

static int source_read(const struct key_source *source, const char *prompt, bool twice,
		       struct passphrase *passphrase, char reason[UNLOCK_REASON_BYTES])
{
	const char *name;

	if (source->at_once && (is_terminal(source->source) || strcmp(source->source, "-") == 0))
		return refuse_to_wait(source, reason);
	if (key_source_asks(source))
		return terminal_ask(prompt, twice, passphrase, reason);
	if (strcmp(source->source, "-") == 0)
		return file_read(source, STDIN_FILENO, passphrase, reason);
	name = after(source->source, user_prefix);
	if (name)
		return keyring_read(source, name, passphrase, reason);
	name = after(source->source, credential_prefix);
	if (name)
		return credential_read(source, name, passphrase, reason);
	return keyfile_read(source, source->source, passphrase, reason);
}

int key_source_read(const struct key_source *source, const char *prompt, bool twice,
		    struct passphrase *passphrase, char ret_reason[UNLOCK_REASON_BYTES])
{
	int r;

	*ret_reason = 0;
	r = source_read(source, prompt, twice, passphrase, ret_reason);
	if (r < 0 && !*ret_reason)
		reason_set(ret_reason, r, "%s: %s",
			   is_terminal(source->source) ? "terminal" : source->source, strerror(-r));
	return r;
}
