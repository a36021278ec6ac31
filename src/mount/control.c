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

static int socket_listen(const char *path)
{
	struct sockaddr_un address;
	int r = socket_address(path, &address);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int listening;

	if (r < 0 || fd < 0)
		return r < 0 ? r : -errno;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || chmod(path, 0600) < 0 ||
	    listen(fd, CONTROL_WAITERS) < 0)
		return -errno;
	listening = fd;
	fd = -1;
	return listening;
}

int control_ask(const char *socket_path, const char *word)
{
	struct sockaddr_un address;
	int r = socket_address(socket_path, &address);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int asked;

	if (r < 0 || fd < 0)
		return r < 0 ? r : -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, word, strlen(word), MSG_NOSIGNAL) < 0)
		return -errno;
	asked = fd;
	fd = -1;
	return asked;
}

static int runtime_folder(uid_t user, char **ret_folder)
{
	const char *own = user == geteuid() ? getenv("XDG_RUNTIME_DIR") : NULL;
	int r;

	if (user == 0)
		r = asprintf(ret_folder, "/run/platterfs");
	else if (own && *own == '/')
		r = asprintf(ret_folder, "%s/platterfs", own);
	else
		r = asprintf(ret_folder, "/run/user/%u/platterfs", user);
	return r < 0 ? -ENOMEM : 0;
}

int control_socket(dev_t device, uid_t user, char **ret_path)
{
	_cleanup_free_ char *folder = NULL;
	int r = runtime_folder(user, &folder);

	if (r < 0)
		return r;
	return asprintf(ret_path, "%s/%u.sock", folder, minor(device)) < 0 ? -ENOMEM : 0;
}

static int control_listen(struct control *control)
{
	_cleanup_free_ char *folder = NULL;
	dev_t device;
	uid_t user;
	int r = runtime_folder(geteuid(), &folder);

	if (r == 0)
		r = mountpoint_find(control->session->mountpoint, &device, &user);
	if (r == 0)
		r = control_socket(device, geteuid(), &control->path);
	if (r == 0 && mkdir(folder, 0755) < 0 && errno != EEXIST)
		r = -errno;
	return r < 0 ? r : socket_listen(control->path);
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
 * one is closed. Nothing that was accepted is lost.
 */
static void control_signal(struct control *control)
{
	struct signalfd_siginfo signal;
	int r;

	if (read(control->signal_fd, &signal, sizeof(signal)) != sizeof(signal))
		return;
	r = mountpoint_unmount(control->session->mountpoint, true);
	if (r < 0)
		log_error("%s: unmount: %s", control->session->mountpoint, strerror(-r));
}

static void *control_run(void *data)
{
	struct control *control = data;
	struct pollfd polls[] = {
		{.fd = control->stop_fd, .events = POLLIN},
		{.fd = control->signal_fd, .events = POLLIN},
		{.fd = control->listen_fd, .events = POLLIN},
	};

	pthread_setname_np(pthread_self(), "control");
	while (!(polls[0].revents & POLLIN)) {
		if (poll(polls, ARRAY_LENGTH(polls), -1) < 0)
			continue;
		if (polls[1].revents & POLLIN)
			control_signal(control);
		if (polls[2].revents & POLLIN)
			control_answer(control);
	}
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
		log_warning("%s: no status: %s: %s", session->mountpoint, control->path,
			    strerror(-control->listen_fd));
	return -pthread_create(&control->thread, NULL, control_run, control);
}

void control_stop(struct control *control, int result)
{
	const char *word = result == 0 ? "done\n" : "failed\n";
	const uint64_t one = 1;

	if (write(control->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(control->thread, NULL);
	for (unsigned i = 0; i < control->waiter_count; i++) {
		send_all(control->waiters[i], word, strlen(word));
		close(control->waiters[i]);
	}
	if (control->listen_fd >= 0) {
		unlink(control->path);
		close(control->listen_fd);
	}
	close(control->signal_fd);
	close(control->stop_fd);
	free(control->path);
}

/* In a command ------------------------------------------------------------- */

int control_status(const char *socket_path, struct json_object **ret_mount)
{
	_cleanup_fd_ int fd = control_ask(socket_path, "status");

	*ret_mount = NULL;
	/* Left by a daemon that was killed. */
	if (fd == -ECONNREFUSED)
		unlink(socket_path);
	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*ret_mount = json_object_from_fd(fd);
	return 0;
}

int control_each(int (*each)(struct json_object *mount, const char *socket_path, void *data),
		 void *data)
{
	_cleanup_free_ char *folder = NULL, *pattern = NULL;
	glob_t sockets = {0};
	int r = runtime_folder(geteuid(), &folder);

	if (r < 0)
		return r;
	if (asprintf(&pattern, "%s/*.sock", folder) < 0)
		return -ENOMEM;
	glob(pattern, 0, NULL, &sockets);
	if (geteuid() == 0)
		glob("/run/user/*/platterfs/*.sock", GLOB_APPEND, NULL, &sockets);
	for (size_t i = 0; r == 0 && i < sockets.gl_pathc; i++) {
		struct json_object *mount;

		if (control_status(sockets.gl_pathv[i], &mount) < 0)
			continue;
		r = each(mount, sockets.gl_pathv[i], data);
		json_object_put(mount);
	}
	globfree(&sockets);
	return r;
}
