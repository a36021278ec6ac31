// SPDX-License-Identifier: MIT
#include "mount/control.h"

#include <errno.h>
#include <glob.h>
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
#include <sys/un.h>

#include "mount/mountpoint.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

/* What 10^5 volumes have to say. */
#define STATUS_LIMIT (64 * MIB)

/* A client that does not read or write must not hold up the others. */
static const struct timeval patience = {.tv_sec = 2};

/* Sockets ------------------------------------------------------------------ */

static int socket_address(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret_address->sun_path, path);
	return 0;
}

/* Under its name only once it listens: who finds it may connect. */
static int socket_listen(const char *path)
{
	_cleanup_free_ char *new_path = NULL;
	struct sockaddr_un address;
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r, listening;

	if (fd < 0)
		return -errno;
	if (asprintf(&new_path, "%s.new", path) < 0)
		return -ENOMEM;
	r = socket_address(new_path, &address);
	if (r < 0)
		return r;
	unlink(new_path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(new_path, 0600) < 0 || listen(fd, CONTROL_WAITERS) < 0 ||
	    rename(new_path, path) < 0)
		return -errno;
	listening = fd;
	fd = -1;
	return listening;
}

/* Whoever listens must be the user whose folder it is in; root believes nobody else. */
static int socket_check(int fd, uid_t user)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	return peer.uid == user ? 0 : -EPERM;
}

static int socket_ask(const char *path, uid_t user, const char *word)
{
	struct sockaddr_un address;
	int r = socket_address(path, &address);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int asked;

	if (r < 0 || fd < 0)
		return r < 0 ? r : -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = socket_check(fd, user);
	if (r < 0)
		return r;
	if (send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		return -errno;
	asked = fd;
	fd = -1;
	return asked;
}

/* Folders for a user's sockets, the better one first: without a login session, there is no
 * /run/user. */
enum {
	FOLDER_CHOICES = 2
};

static void folder_name(uid_t user, unsigned choice, char path[64])
{
	if (user == 0)
		strcpy(path, "/run/platterfs");
	else if (choice == 0)
		snprintf(path, 64, "/run/user/%u/platterfs", user);
	else
		snprintf(path, 64, "/tmp/platterfs-%u", user);
}

/* Ours, and nobody else may write there. */
static int folder_make(const char *path)
{
	struct stat status;

	if (mkdir(path, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &status) < 0)
		return -errno;
	return S_ISDIR(status.st_mode) && status.st_uid == geteuid() && !(status.st_mode & 022)
		       ? 0
		       : -EPERM;
}

static int control_listen(struct control *control)
{
	char folder[64];
	int r = -ENOENT;

	for (unsigned choice = 0; choice < FOLDER_CHOICES && r < 0; choice++) {
		folder_name(geteuid(), choice, folder);
		r = folder_make(folder);
	}
	if (r < 0)
		return r;
	if (asprintf(&control->path, "%s/%u.sock", folder, minor(control->session->device)) < 0) {
		control->path = NULL;
		return -ENOMEM;
	}
	return socket_listen(control->path);
}

/* In the daemon ------------------------------------------------------------ */

static struct json_object *session_json(struct session *session)
{
	const struct lanes *lanes = &session->lanes;
	struct json_object *mount = json_object_new_object();

	json_object_object_add(mount, "mountpoint", json_object_new_string(session->mountpoint));
	json_object_object_add(mount, "source", json_object_new_string(session->source));
	json_object_object_add(mount, "pid", json_object_new_int(getpid()));
	json_object_object_add(mount, "engine", json_object_new_string(lanes->engine->name));
	json_object_object_add(mount, "transport", json_object_new_string(lanes->transport->name));
	json_object_object_add(mount, "lanes", json_object_new_int((int)lanes->running));
	json_object_object_add(mount, "depth", json_object_new_int((int)lanes->depth));
	json_object_object_add(mount, "memory_bytes", json_object_new_uint64(lanes->memory_bytes));
	json_object_object_add(mount, "memory_locked",
			       json_object_new_boolean(lanes->memory_locked));
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

static void control_answer(struct control *control)
{
	int client = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	char word[16] = "";

	if (client < 0)
		return;
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (recv(client, word, sizeof(word) - 1, 0) <= 0)
		close(client);
	else if (strcmp(word, "status") == 0)
		answer_status(control, client);
	else if (strcmp(word, "wait") == 0 && control->waiter_count < CONTROL_WAITERS)
		control->waiters[control->waiter_count++] = client;
	else
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
		r = mountpoint_unmount(session->mountpoint, true);
	control->detached = r == 0;
	if (r < 0)
		log_error("%s: unmount: %s", session->mountpoint, strerror(-r));
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
	sigset_t signals;

	*control = (struct control){.session = session, .listen_fd = -1};
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
	return -pthread_create(&control->thread, NULL, control_run, control);
}

void control_stop(struct control *control, int result)
{
	const char *word = result == 0 ? "done\n" : "failed\n";
	const uint64_t one = 1;

	if (control->listen_fd >= 0)
		unlink(control->path);
	if (write(control->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(control->thread, NULL);
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

/* In a command ------------------------------------------------------------- */

/* The first of the user's folders in which somebody listens for this mount. */
static int control_ask(dev_t device, uid_t user, const char *word)
{
	char folder[64], path[96];
	int r = -ENOENT;

	for (unsigned choice = 0; choice < FOLDER_CHOICES && r < 0; choice++) {
		folder_name(user, choice, folder);
		snprintf(path, sizeof(path), "%s/%u.sock", folder, minor(device));
		r = socket_ask(path, user, word);
	}
	return r;
}

int control_wait(dev_t device, uid_t user)
{
	return control_ask(device, user, "wait");
}

/* NULL unless it is whole, and of a size that a status can have. */
static struct json_object *status_read(int fd)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *mount = NULL;
	size_t total = 0;
	char bytes[65536];
	ssize_t length;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	while (!mount && total < STATUS_LIMIT && (length = read(fd, bytes, sizeof(bytes))) > 0) {
		mount = json_tokener_parse_ex(tokener, bytes, (int)length);
		total += (size_t)length;
	}
	json_tokener_free(tokener);
	return mount;
}

int control_status(dev_t device, uid_t user, struct json_object **ret_mount)
{
	_cleanup_fd_ int fd = control_ask(device, user, "status");

	if (fd < 0)
		return fd;
	*ret_mount = status_read(fd);
	return 0;
}

static int each_socket(const char *path, uid_t user,
		       int (*each)(struct json_object *mount, const char *socket_path, void *data),
		       void *data)
{
	_cleanup_fd_ int fd = socket_ask(path, user, "status");
	struct json_object *mount;
	int r;

	/* Left by a daemon that was killed; in another user's folder it is his. */
	if (fd == -ECONNREFUSED && user == geteuid())
		unlink(path);
	if (fd < 0)
		return 0;
	mount = status_read(fd);
	r = each(mount, path, data);
	json_object_put(mount);
	return r;
}

static int each_of_user(uid_t user,
			int (*each)(struct json_object *mount, const char *socket_path, void *data),
			void *data)
{
	char folder[64], pattern[96];
	int r = 0;

	for (unsigned choice = 0; choice < (user == 0 ? 1 : FOLDER_CHOICES); choice++) {
		glob_t sockets = {0};

		folder_name(user, choice, folder);
		snprintf(pattern, sizeof(pattern), "%s/*.sock", folder);
		glob(pattern, 0, NULL, &sockets);
		for (size_t i = 0; r == 0 && i < sockets.gl_pathc; i++)
			r = each_socket(sockets.gl_pathv[i], user, each, data);
		globfree(&sockets);
	}
	return r;
}

/* Of all mounts that platterfs has here, those whose daemons root would not find in /run/platterfs.
 */
static int each_user(int (*each)(struct json_object *mount, const char *socket_path, void *data),
		     void *data)
{
	uid_t *users = NULL;
	size_t count = 0;
	int r = mountpoint_users(&users, &count);

	for (size_t i = 0; r == 0 && i < count; i++)
		if (users[i] != 0)
			r = each_of_user(users[i], each, data);
	free(users);
	return r;
}

int control_each(int (*each)(struct json_object *mount, const char *socket_path, void *data),
		 void *data)
{
	int r = each_of_user(geteuid(), each, data);

	return r == 0 && geteuid() == 0 ? each_user(each, data) : r;
}
