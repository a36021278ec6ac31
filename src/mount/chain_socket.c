// SPDX-License-Identifier: MIT
#include "mount/chain_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "mount/control_socket.h"

int chain_socket_open(struct chain_socket *chain_socket, dev_t device)
{
	char folder[CONTROL_FOLDER_BYTES];
	int r = control_folder_own(folder);

	if (r < 0)
		return r;
	if (asprintf(&chain_socket->path, "%s/%u.chain", folder, minor(device)) < 0) {
		chain_socket->path = NULL;
		return -ENOMEM;
	}
	chain_socket->fd = control_socket_listen(chain_socket->path);
	if (chain_socket->fd < 0)
		return chain_socket->fd;
	return fcntl(chain_socket->fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

/* Who has hung up, as after EBUSY, needs no place. */
static void forget_gone(struct chain_socket *chain_socket)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < chain_socket->waiter_count; i++) {
		int waiter = chain_socket->waiters[i];
		char byte;

		if (recv(waiter, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0)
			close(waiter);
		else
			chain_socket->waiters[kept++] = waiter;
	}
	chain_socket->waiter_count = kept;
}

bool chain_socket_answer(struct chain_socket *chain_socket)
{
	int client = accept4(chain_socket->fd, NULL, NULL, SOCK_CLOEXEC);
	char word[5] = "";

	if (client < 0)
		return false;
	forget_gone(chain_socket);
	setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &control_patience, sizeof(control_patience));
	if (recv(client, word, sizeof(word), MSG_WAITALL) == sizeof(word) &&
	    memcmp(word, "wait", sizeof(word)) == 0 && chain_socket->waiter_count < CHAIN_WAITERS)
		chain_socket->waiters[chain_socket->waiter_count++] = client;
	else
		close(client);
	return true;
}

void chain_socket_close(struct chain_socket *chain_socket, int result)
{
	const char *word = result == 0 ? "done\n" : "failed\n";

	if (chain_socket->fd < 0)
		return;
	unlink(chain_socket->path);
	/* Who has just connected must still hear how it ended. */
	while (chain_socket_answer(chain_socket))
		;
	close(chain_socket->fd);
	for (unsigned i = 0; i < chain_socket->waiter_count; i++) {
		send(chain_socket->waiters[i], word, strlen(word), MSG_NOSIGNAL | MSG_DONTWAIT);
		close(chain_socket->waiters[i]);
	}
	free(chain_socket->path);
	*chain_socket = (struct chain_socket){.fd = -1};
}
