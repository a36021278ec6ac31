// SPDX-License-Identifier: MIT
/* The side of whoever wants the key: starts the child, waits, and takes its answer. */
#include "crypt/unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypt/exchange.h"
#include "crypt/plain.h"
#include "crypt/reason.h"
#include "crypt/secret.h"
#include "util/macros.h"

const char *unlock_program = "/proc/self/exe";

/* Where the child's descriptors wait: all beyond the numbers that they get there. */
struct places {
	int fds[EXCHANGE_END_FD];
};

static void places_close(struct places *places)
{
	for (int i = EXCHANGE_FD; i < EXCHANGE_END_FD; i++)
		if (places->fds[i] >= 0)
			close(places->fds[i]);
}

/* -1 stays -1. No number is taken twice, so that no order of dup2(2) overwrites one. */
static int places_set(struct places *places, int number, int fd)
{
	if (fd < 0)
		return 0;
	places->fds[number] = fcntl(fd, F_DUPFD_CLOEXEC, EXCHANGE_END_FD);
	return places->fds[number] < 0 ? -errno : 0;
}

static int places_fill(struct places *places, int exchange_fd, int image_fd, int header_fd,
		       const struct passphrase *passphrase)
{
	int r;

	memset(places, 0xff, sizeof(*places));
	r = places_set(places, EXCHANGE_FD, exchange_fd);
	if (r == 0)
		r = places_set(places, EXCHANGE_IMAGE_FD, image_fd);
	if (r == 0)
		r = places_set(places, EXCHANGE_HEADER_FD, header_fd);
	if (r == 0 && passphrase)
		r = places_set(places, EXCHANGE_PASSPHRASE_FD, passphrase_fd(passphrase));
	return r;
}

static int actions_fill(posix_spawn_file_actions_t *actions, const struct places *places)
{
	int r = -posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = -posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
						      0);
	for (int i = EXCHANGE_FD; i < EXCHANGE_END_FD && r == 0; i++)
		r = places->fds[i] >= 0
			    ? -posix_spawn_file_actions_adddup2(actions, places->fds[i], i)
			    : -posix_spawn_file_actions_addclose(actions, i);
	if (r == 0)
		r = -posix_spawn_file_actions_addclosefrom_np(actions, EXCHANGE_END_FD);
	return r;
}

/* The daemon blocks signals; the child is an ordinary process. */
static int attributes_fill(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	return -posix_spawnattr_setflags(attributes,
					 POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

/*
 * posix_spawn(3) runs nothing of ours between its vfork and exec, which other threads of the daemon
 * could make unsafe. Of the environment the child gets nothing: tokens need none of it, and plugins
 * and libraries can be misled by it.
 */
static int child_start(const struct places *places, pid_t *ret_child)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char name[] = "platterfs", command[] = "unlock-child";
	char *const arguments[] = {name, command, NULL}, *const environment[] = {path, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	posix_spawnattr_init(&attributes);
	r = actions_fill(&actions, places);
	if (r == 0)
		r = attributes_fill(&attributes);
	if (r == 0)
		r = -posix_spawn(ret_child, unlock_program, &actions, &attributes, arguments,
				 environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

static int child_died(int status, char reason[UNLOCK_REASON_BYTES])
{
	int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (number == SIGINT || number == SIGTERM)
		return reason_set(reason, -EINTR, "interrupted");
	if (number == SIGKILL)
		return reason_set(reason, -ENOMEM,
				  "unlocking ended by signal %d: Argon2 may need more memory than "
				  "there is",
				  number);
	if (number)
		return reason_set(reason, -EIO, "unlocking ended by signal %d", number);
	return reason_set(reason, -EIO, "the process that unlocks could not start");
}

/*
 * The children that run now, so that unlock_cancel() can end them. A child's number is its own
 * until it is waited for: that happens under the mutex.
 */
static struct {
	pthread_mutex_t mutex;
	bool cancelled;
	TAILQ_HEAD(, child) children;
} running = {.mutex = PTHREAD_MUTEX_INITIALIZER,
	     .children = TAILQ_HEAD_INITIALIZER(running.children)};

struct child {
	pid_t pid;
	TAILQ_ENTRY(child) link;
};

void unlock_cancel(void)
{
	struct child *child;

	pthread_mutex_lock(&running.mutex);
	running.cancelled = true;
	TAILQ_FOREACH(child, &running.children, link)
	{
		kill(child->pid, SIGKILL);
	}
	pthread_mutex_unlock(&running.mutex);
}

static int child_begin(struct child *child, const struct places *places)
{
	int r = -ECANCELED;

	pthread_mutex_lock(&running.mutex);
	if (!running.cancelled)
		r = child_start(places, &child->pid);
	if (r == 0)
		TAILQ_INSERT_TAIL(&running.children, child, link);
	pthread_mutex_unlock(&running.mutex);
	return r;
}

static int child_wait(struct child *child, const struct exchange *exchange,
		      char reason[UNLOCK_REASON_BYTES])
{
	siginfo_t ended;
	int status = 0;

	while (waitid(P_PID, (id_t)child->pid, &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	pthread_mutex_lock(&running.mutex);
	waitpid(child->pid, &status, WNOHANG);
	TAILQ_REMOVE(&running.children, child, link);
	pthread_mutex_unlock(&running.mutex);
	return exchange->answered ? 0 : child_died(status, reason);
}

/* Libraries that read what strangers wrote have run in the child: its answer is checked. */
static int answer_take(struct exchange *exchange, struct volume_key *ret_key,
		       char reason[UNLOCK_REASON_BYTES])
{
	struct volume_key *key = &exchange->key;

	exchange->reason[UNLOCK_REASON_BYTES - 1] = 0;
	if (exchange->result < 0) {
		memcpy(reason, exchange->reason, UNLOCK_REASON_BYTES);
		return exchange->result;
	}
	key->type[sizeof(key->type) - 1] = 0;
	key->spec[sizeof(key->spec) - 1] = 0;
	if (key->key_bytes > sizeof(key->key))
		return -EPROTO;
	memcpy(ret_key, key, sizeof(*ret_key));
	return 0;
}

static int exchange_run(struct exchange *exchange, int exchange_fd, int image_fd, int header_fd,
			const struct passphrase *passphrase, struct volume_key *ret_key,
			char reason[UNLOCK_REASON_BYTES])
{
	struct places places;
	struct child child;
	int r = places_fill(&places, exchange_fd, image_fd, header_fd, passphrase);

	if (r == 0)
		r = child_begin(&child, &places);
	places_close(&places);
	if (r == 0)
		r = child_wait(&child, exchange, reason);
	if (r == 0)
		r = answer_take(exchange, ret_key, reason);
	return r;
}

/* Each call has an exchange of its own: several may use one passphrase at the same time. */
static int child_ask(const struct unlock_request *request, bool inspect, int image_fd,
		     int header_fd, const struct passphrase *passphrase, struct volume_key *ret_key,
		     char reason[UNLOCK_REASON_BYTES])
{
	struct exchange *exchange;
	void *memory;
	int fd, r = shared_new(sizeof(*exchange), sizeof(*exchange), &fd, &memory);

	if (r < 0)
		return r;
	exchange = memory;
	exchange->parent = getpid();
	exchange->inspect = inspect;
	exchange->has_header = header_fd >= 0;
	exchange->has_passphrase = passphrase != NULL;
	exchange->passphrase_length = passphrase ? passphrase_length(passphrase) : 0;
	exchange->request = *request;
	r = exchange_run(exchange, fd, image_fd, header_fd, passphrase, ret_key, reason);
	shared_free(fd, memory, sizeof(*exchange));
	return r;
}

static int unlock_by_type(const struct unlock_request *request, bool inspect, int image_fd,
			  int header_fd, const struct passphrase *passphrase,
			  struct volume_key *ret_key, char reason[UNLOCK_REASON_BYTES])
{
	int r = 0;

	if (request->type == UNLOCK_BITLK)
		return reason_set(reason, -EOPNOTSUPP, "BitLocker volumes are not supported");
	if (request->type != UNLOCK_LUKS && !inspect && !passphrase)
		return reason_set(reason, -ENOKEY, "a passphrase or keyfile is needed");
	/* Nothing tells that it is wrong, and everybody knows it. */
	if (request->type == UNLOCK_PLAIN && passphrase && passphrase_length(passphrase) == 0)
		return reason_set(reason, -EINVAL, "the passphrase, or keyfile, is empty");
	if (request->type == UNLOCK_PLAIN) {
		r = plain_describe(request, ret_key, reason);
		if (r < 0 || inspect)
			return r;
		r = plain_key_without_child(request, passphrase_peek(passphrase),
					    passphrase_length(passphrase), ret_key, reason);
		if (r != -EAGAIN)
			return r;
	}
	return child_ask(request, inspect, image_fd, header_fd, passphrase, ret_key, reason);
}

static int unlock_either(const struct unlock_request *request, bool inspect, int image_fd,
			 int header_fd, const struct passphrase *passphrase,
			 struct volume_key *ret_key, char ret_reason[UNLOCK_REASON_BYTES])
{
	int r;

	*ret_reason = 0;
	memset(ret_key, 0, sizeof(*ret_key));
	r = unlock_by_type(request, inspect, image_fd, header_fd, passphrase, ret_key, ret_reason);
	if (r >= 0)
		return 0;
	secret_wipe(ret_key, sizeof(*ret_key));
	if (!*ret_reason)
		reason_set(ret_reason, r, "%s", strerror(-r));
	return r;
}

int unlock(const struct unlock_request *request, int image_fd, int header_fd,
	   const struct passphrase *passphrase, struct volume_key *ret_key,
	   char ret_reason[UNLOCK_REASON_BYTES])
{
	return unlock_either(request, false, image_fd, header_fd, passphrase, ret_key, ret_reason);
}

int unlock_inspect(const struct unlock_request *request, int image_fd, int header_fd,
		   struct volume_key *ret_key, char ret_reason[UNLOCK_REASON_BYTES])
{
	return unlock_either(request, true, image_fd, header_fd, NULL, ret_key, ret_reason);
}
