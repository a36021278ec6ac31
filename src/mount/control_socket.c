// SPDX-License-Identifier: MIT
#include "mount/control_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "util/macros.h"

const struct timeval control_patience = {.tv_sec = 2};

static int socket_address(const char *path, struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret_address->sun_path, path);
	return 0;
}

/* Under its name only once it listens: who finds it may connect. */
int control_socket_listen(const char *path)
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
	    chmod(new_path, 0600) < 0 || listen(fd, CONTROL_BACKLOG) < 0 ||
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

int control_socket_ask(const char *path, uid_t user, const char *word)
{
	struct sockaddr_un address;
	int r = socket_address(path, &address);
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int asked;

	if (r < 0 || fd < 0)
		return r < 0 ? r : -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &control_patience, sizeof(control_patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = socket_check(fd, user);
	if (r < 0)
		return r;
	if (send(fd, word, strlen(word) + 1, MSG_NOSIGNAL) < 0)
		return -errno;
	asked = fd;
	fd = -1;
	return asked;
}

/* Who user 0 is outside of this user namespace; 0 if we are in none. */
static uid_t root_outside(void)
{
	_cleanup_file_ FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned inside, outside;

	return map && fscanf(map, "%u %u", &inside, &outside) == 2 && inside == 0 ? outside : 0;
}

bool control_folder(uid_t user, unsigned choice, char path[CONTROL_FOLDER_BYTES])
{
	if (user == 0 && choice == 0) {
		strcpy(path, "/run/platterfs");
		return true;
	}
	if (user == 0) {
		user = root_outside();
		choice--;
	}
	if (user == 0 || choice > 1)
		return false;
	snprintf(path, CONTROL_FOLDER_BYTES,
		 choice == 0 ? "/run/user/%u/platterfs" : "/tmp/platterfs-%u", user);
	return true;
}

int control_folder_make(const char *path)
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

int control_folder_own(char path[CONTROL_FOLDER_BYTES])
{
	int r = -ENOENT;

	for (unsigned choice = 0; r < 0 && control_folder(geteuid(), choice, path); choice++)
		r = control_folder_make(path);
	return r;
}
