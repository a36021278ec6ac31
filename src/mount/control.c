// SPDX-License-Identifier: MIT
/* control.h for the daemon. */
#include "mount/control.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "crypt/secret.h"
#include "mount/control_growth.h"
#include "mount/control_keys.h"
#include "mount/control_socket.h"
#include "mount/mountpoint.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

static int control_listen(struct control *control)
{
	char folder[CONTROL_FOLDER_BYTES];
	int r = control_folder_own(folder);

	if (r < 0)
		return r;
	if (asprintf(&control->path, "%s/%u.sock", folder, minor(control->session->device)) < 0) {
		control->path = NULL;
		return -ENOMEM;
	}
	return control_socket_listen(control->path);
}

static struct json_object *session_json(struct session *session)
{
	const struct lanes *lanes = &session->lanes;
	bool keys_locked = false;
	struct json_object *mount = json_object_new_object();

	json_object_object_add(mount, "mountpoint", json_object_new_string(session->mountpoint));
	json_object_object_add(mount, "source", json_object_new_string(session->source));
	json_object_object_add(mount, "pid", json_object_new_int(getpid()));
	json_object_object_add(mount, "uid", json_object_new_int64(geteuid()));
	json_object_object_add(mount, "engine", json_object_new_string(lanes->engine->name));
	json_object_object_add(mount, "transport", json_object_new_string(lanes->transport->name));
	json_object_object_add(mount, "lanes", json_object_new_int((int)lanes->running));
	json_object_object_add(mount, "depth", json_object_new_int((int)lanes->depth));
	json_object_object_add(mount, "memory_bytes", json_object_new_uint64(lanes->memory_bytes));
	json_object_object_add(mount, "memory_locked",
			       json_object_new_boolean(lanes->memory_locked));
	secret_init(&keys_locked);
	json_object_object_add(mount, "keys_locked", json_object_new_boolean(keys_locked));
	namespace_status(&session->names, mount);
	return mount;
}

static void send_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		text += sent;
		length -= (size_t)sent;
	}
}

static void answer_status(struct control *control, int client)
{
	struct json_object *mount = session_json(control->session);
	const char *text = json_object_to_json_string(mount);

	send_all(client, text, strlen(text));
	json_object_put(mount);
	close(client);
}

/* A word and its NUL, and nothing of what may follow. */
static int receive_word(int client, char word[CONTROL_WORD_BYTES])
{
	for (size_t length = 0; length < CONTROL_WORD_BYTES; length++) {
		if (recv(client, word + length, 1, 0) != 1)
			return -EPROTO;
		if (word[length] == '\0')
			return 0;
	}
	return -EMSGSIZE;
}

static void control_answer(struct control *control)
{
	int client = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	char word[CONTROL_WORD_BYTES];

	if (client < 0)
		return;
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &control_patience, sizeof(control_patience));
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &control_patience, sizeof(control_patience));
	if (receive_word(client, word) < 0)
		close(client);
	else if (strcmp(word, "status") == 0)
		answer_status(control, client);
	else if (strcmp(word, "wait") == 0 && control->waiter_count < CONTROL_WAITERS)
		control->waiters[control->waiter_count++] = client;
	else if (!control_growth_answer(control, client, word) &&
		 !control_keys_answer(control, client, word))
		close(client);
}

/*
 * Whoever still has a file open may go on: the mount disappears, the lanes serve until the last
 * one is closed. Nothing that was accepted is lost. Only ever our own mount: by now, another may
 * lie over it or have taken its place.
 */
static void control_signal(struct control *control)
{
	const struct session *session = control->session;
	struct signalfd_siginfo signal;
	_cleanup_free_ char *error = NULL;
	dev_t device;
	uid_t user;
	int r;

	if (read(control->signal_fd, &signal, sizeof(signal)) != sizeof(signal) ||
	    control->detached)
		return;
	r = mountpoint_find(session->mountpoint, &device, &user);
	if (r == 0 && device != session->device)
		r = -EBUSY;
	if (r == 0)
		r = mountpoint_unmount(session->mountpoint, true, &error);
	control->detached = r == 0;
	if (control->detached)
		control_growth_cancel(control);
	if (r < 0)
		log_error("%s: unmount: %s", session->mountpoint, error ? error : strerror(-r));
}

/* A command that gave up waiting, as after EBUSY, has hung up. */
static void waiters_check(struct control *control, const struct pollfd *polls)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < control->waiter_count; i++) {
		if (polls[i].revents)
			close(control->waiters[i]);
		else
			control->waiters[kept++] = control->waiters[i];
	}
	control->waiter_count = kept;
}

static void control_poll(struct control *control, struct pollfd *polls)
{
	unsigned count = CONTROL_POLLS;

	polls[0] = (struct pollfd){.fd = control->stop_fd, .events = POLLIN};
	polls[1] = (struct pollfd){.fd = control->signal_fd, .events = POLLIN};
	polls[2] = (struct pollfd){.fd = log_fd(), .events = POLLIN};
	polls[3] = (struct pollfd){.fd = control->listen_fd, .events = POLLIN};
	for (unsigned i = 0; i < control->waiter_count; i++)
		polls[count++] = (struct pollfd){.fd = control->waiters[i], .events = POLLIN};
	while (poll(polls, count, -1) < 0 && errno == EINTR)
		;
	waiters_check(control, polls + CONTROL_POLLS);
}

static void *control_run(void *data)
{
	struct pollfd polls[CONTROL_POLLS + CONTROL_WAITERS];
	struct control *control = data;

	pthread_setname_np(pthread_self(), "control");
	do {
		control_poll(control, polls);
		if (polls[1].revents & POLLIN)
			control_signal(control);
		if (polls[2].revents & POLLIN)
			log_drain();
		if (polls[3].revents & POLLIN)
			control_answer(control);
		/* Clients first: one that has just connected must still hear how it ended. */
	} while (!(polls[0].revents & POLLIN) || polls[3].revents & POLLIN);
	log_drain();
	return NULL;
}

int control_start(struct control *control, struct session *session)
{
	struct stat status;
	sigset_t signals;

	*control = (struct control){.session = session, .listen_fd = -1};
	control_keys_start(control);
	control_growth_start(control);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	control->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	control->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (control->signal_fd < 0 || control->stop_fd < 0)
		return -errno;
	control->listen_fd = control_listen(control);
	if (control->listen_fd < 0)
		log_warning("%s: no status, and umount will not wait: no socket: %s",
			    session->mountpoint, strerror(-control->listen_fd));
	else if (stat(control->path, &status) == 0)
		control->inode = status.st_ino;
	return -pthread_create(&control->thread, NULL, control_run, control);
}

void control_stop(struct control *control, int result)
{
	const char *word = result == 0 ? "done\n" : "failed\n";
	const uint64_t one = 1;
	struct stat status;

	/* A newer mount may have the same number, and put its socket in the place of ours. */
	if (control->listen_fd >= 0 && stat(control->path, &status) == 0 &&
	    status.st_ino == control->inode)
		unlink(control->path);
	if (write(control->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(control->thread, NULL);
	control_keys_stop(control);
	for (unsigned i = 0; i < control->waiter_count; i++) {
		send_all(control->waiters[i], word, strlen(word));
		close(control->waiters[i]);
	}
	if (control->listen_fd >= 0)
		close(control->listen_fd);
	close(control->signal_fd);
	close(control->stop_fd);
	free(control->path);
}
