// SPDX-License-Identifier: MIT
/* control.h for commands. */
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mount/control.h"
#include "mount/control_socket.h"
#include "mount/mountpoint.h"
#include "util/macros.h"
#include "util/text.h"

/* What 10^5 volumes have to say. */
#define STATUS_LIMIT (64 * MIB)

enum {
	GROWTH_POLL_MS = 200
};

/* The first of the user's folders in which somebody listens for this mount. */
static int ask_socket(dev_t device, uid_t user, const char *kind, const char *word)
{
	char folder[CONTROL_FOLDER_BYTES], path[96];
	int r = -ENOENT;

	for (unsigned choice = 0; r < 0 && control_folder(user, choice, folder); choice++) {
		snprintf(path, sizeof(path), "%s/%u.%s", folder, minor(device), kind);
		r = control_socket_ask(path, user, word);
	}
	return r;
}

void control_forget(dev_t device)
{
	char folder[CONTROL_FOLDER_BYTES], path[96];

	for (unsigned choice = 0; control_folder(geteuid(), choice, folder); choice++) {
		_cleanup_fd_ int fd = -1;

		snprintf(path, sizeof(path), "%s/%u.sock", folder, minor(device));
		fd = control_socket_ask(path, geteuid(), "wait");
		if (fd == -ECONNREFUSED)
			unlink(path);
	}
}

static int control_ask(dev_t device, uid_t user, const char *word)
{
	return ask_socket(device, user, "sock", word);
}

int control_wait(dev_t device, uid_t user)
{
	return control_ask(device, user, "wait");
}

int control_wait_chain(dev_t device, uid_t user)
{
	return ask_socket(device, user, "chain", "wait");
}

int control_wait_end(int fd)
{
	char word[8] = "";
	size_t length = 0;
	ssize_t got;

	while (length < sizeof(word) - 1 &&
	       (got = read(fd, word + length, sizeof(word) - 1 - length)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		length += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	return strcmp(word, "done\n") == 0 ? 0 : *word ? -EIO : -ECONNRESET;
}

/* What follows the word, to its end. */
static int send_passphrase(int fd, const struct passphrase *passphrase)
{
	const uint8_t *bytes = passphrase_bytes((struct passphrase *)passphrase);
	size_t left = passphrase_length(passphrase);

	while (left > 0) {
		ssize_t sent = send(fd, bytes, left, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return -errno;
		bytes += sent > 0 ? sent : 0;
		left -= sent > 0 ? (size_t)sent : 0;
	}
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

/* The daemon may be another user's: it gives no orders to our terminal. */
static void reason_copy(const char *text, char ret_reason[UNLOCK_REASON_BYTES])
{
	snprintf(ret_reason, UNLOCK_REASON_BYTES, "%.*s", UNLOCK_REASON_BYTES - 1, text);
	text_tame(ret_reason);
}

/* "ok", "ask", "busy", "failed REASON". */
static int answer_parse(const char *text, char ret_reason[UNLOCK_REASON_BYTES])
{
	static const char failed[] = "failed ";

	if (strcmp(text, "ok") == 0)
		return 0;
	if (strcmp(text, "ask") == 0)
		return -ENOKEY;
	if (strcmp(text, "busy") == 0) {
		reason_copy(strerror(EBUSY), ret_reason);
		return -EBUSY;
	}
	if (strncmp(text, failed, strlen(failed)) != 0) {
		reason_copy("its daemon is gone", ret_reason);
		return -ECONNRESET;
	}
	reason_copy(text + strlen(failed), ret_reason);
	return -EIO;
}

static int read_answer(int fd, char ret_reason[UNLOCK_REASON_BYTES])
{
	char text[UNLOCK_REASON_BYTES + 16];
	size_t length = 0;
	ssize_t got;

	while (length < sizeof(text) - 1 &&
	       (got = read(fd, text + length, sizeof(text) - 1 - length)) != 0) {
		if (got < 0 && errno != EINTR)
			return -errno;
		length += got > 0 ? (size_t)got : 0;
	}
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return answer_parse(text, ret_reason);
}

static int ask_about(dev_t device, uid_t user, const char *verb, const char *volume,
		     const struct passphrase *passphrase, char ret_reason[UNLOCK_REASON_BYTES])
{
	char word[CONTROL_WORD_BYTES];
	_cleanup_fd_ int fd = -1;
	int r;

	if ((size_t)snprintf(word, sizeof(word), "%s %s", verb, volume) >= sizeof(word)) {
		r = -ENAMETOOLONG;
	} else {
		r = fd = control_ask(device, user, word);
		if (r >= 0)
			r = passphrase ? send_passphrase(fd, passphrase) : 0;
		if (r == 0)
			return read_answer(fd, ret_reason);
	}
	snprintf(ret_reason, UNLOCK_REASON_BYTES, "its daemon: %s", strerror(-r));
	return r;
}

int control_lock(dev_t device, uid_t user, const char *volume, char ret_reason[UNLOCK_REASON_BYTES])
{
	return ask_about(device, user, "lock", volume, NULL, ret_reason);
}

int control_unlock(dev_t device, uid_t user, const char *volume,
		   const struct passphrase *passphrase, bool keyfile,
		   char ret_reason[UNLOCK_REASON_BYTES])
{
	const char *verb = !passphrase ? "unlock"
			   : keyfile   ? "unlock-keyfile"
				       : "unlock-passphrase";

	return ask_about(device, user, verb, volume, passphrase, ret_reason);
}

/* What a daemon that makes an image grow says, line by line. */
struct growth_lines {
	int fd;
	size_t length;
	char bytes[UNLOCK_REASON_BYTES + 16];
};

/* 1 and the line; 0 when none has come for a while; or negative errno. */
static int growth_line(struct growth_lines *lines, char text[sizeof(lines->bytes)])
{
	struct pollfd daemon = {.fd = lines->fd, .events = POLLIN};
	char *end = memchr(lines->bytes, '\n', lines->length);
	ssize_t got;
	size_t line;

	if (!end) {
		if (lines->length == sizeof(lines->bytes))
			return -EPROTO;
		if (poll(&daemon, 1, GROWTH_POLL_MS) <= 0)
			return 0;
		got = recv(lines->fd, lines->bytes + lines->length,
			   sizeof(lines->bytes) - lines->length, MSG_DONTWAIT);
		if (got < 0)
			return errno == EINTR || errno == EAGAIN ? 0 : -errno;
		lines->length += (size_t)got;
		return got == 0 ? -ECONNRESET : 0;
	}
	line = (size_t)(end - lines->bytes);
	memcpy(text, lines->bytes, line);
	text[line] = '\0';
	lines->length -= line + 1;
	memmove(lines->bytes, end + 1, lines->length);
	return 1;
}

/* To cancel, we only say no more: the daemon tells when the image has its old size. */
static int growth_wait(int fd, const struct control_growth *growth,
		       char ret_reason[UNLOCK_REASON_BYTES])
{
	struct growth_lines lines = {.fd = fd};
	char text[sizeof(lines.bytes)];
	uint64_t done_bytes = 0;
	bool cancelled = false;
	int r;

	for (;;) {
		r = growth_line(&lines, text);
		if (r < 0) {
			reason_copy("its daemon is gone", ret_reason);
			return r;
		}
		if (r > 0 && sscanf(text, "progress %" SCNu64, &done_bytes) != 1)
			return answer_parse(text, ret_reason);
		if (!cancelled && growth->watch(growth->context, done_bytes) != 0) {
			cancelled = true;
			shutdown(fd, SHUT_WR);
		}
	}
}

int control_grow(dev_t device, uid_t user, const struct control_growth *growth,
		 char ret_reason[UNLOCK_REASON_BYTES])
{
	char word[CONTROL_WORD_BYTES];
	_cleanup_fd_ int fd = -1;
	int length = snprintf(word, sizeof(word), "%s %" PRIu64 " %" PRIu64 ":%" PRIu64 " %s",
			      growth->noise ? "grow-noise" : "grow", growth->to_bytes,
			      (uint64_t)growth->image_device, (uint64_t)growth->image_inode,
			      growth->volume);

	fd = (size_t)length >= sizeof(word) ? -ENAMETOOLONG : control_ask(device, user, word);
	if (fd >= 0)
		return growth_wait(fd, growth, ret_reason);
	snprintf(ret_reason, UNLOCK_REASON_BYTES, "its daemon: %s", strerror(-fd));
	return fd;
}

/* json-c aborts whoever takes something else for an array, and the daemon may be another user's. */
static bool status_is_sound(struct json_object *mount)
{
	struct json_object *volumes = json_object_object_get(mount, "volumes");
	size_t i = 0, count;

	if (!json_object_is_type(volumes, json_type_array))
		return false;
	count = json_object_array_length(volumes);
	while (i < count &&
	       json_object_is_type(json_object_array_get_idx(volumes, i), json_type_object))
		i++;
	return i == count;
}

/* NULL unless it is whole, a status, and of a size that one can have. */
static struct json_object *status_read(int fd)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *mount = NULL;
	size_t total = 0;
	char bytes[65536];
	ssize_t length;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &control_patience, sizeof(control_patience));
	while (!mount && total < STATUS_LIMIT && (length = read(fd, bytes, sizeof(bytes))) > 0) {
		mount = json_tokener_parse_ex(tokener, bytes, (int)length);
		total += (size_t)length;
	}
	json_tokener_free(tokener);
	if (status_is_sound(mount))
		return mount;
	json_object_put(mount);
	return NULL;
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
	_cleanup_fd_ int fd = control_socket_ask(path, user, "status");
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
	char folder[CONTROL_FOLDER_BYTES], pattern[96];
	int r = 0;

	for (unsigned choice = 0; control_folder(user, choice, folder); choice++) {
		glob_t sockets = {0};

		snprintf(pattern, sizeof(pattern), "%s/*.sock", folder);
		glob(pattern, 0, NULL, &sockets);
		for (size_t i = 0; r == 0 && i < sockets.gl_pathc; i++)
			r = each_socket(sockets.gl_pathv[i], user, each, data);
		globfree(&sockets);
	}
	return r;
}

int control_identify(const char *socket_path, dev_t *ret_device, uid_t *ret_user)
{
	const char *name = strrchr(socket_path, '/');
	struct stat status;
	unsigned number;

	if (!name || sscanf(name, "/%u.sock", &number) != 1 || lstat(socket_path, &status) < 0)
		return -ENOENT;
	*ret_device = makedev(0, number);
	*ret_user = status.st_uid;
	return 0;
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
