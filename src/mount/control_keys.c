// SPDX-License-Identifier: MIT
#include "mount/control_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "mount/control.h"
#include "mount/control_socket.h"
#include "mount/keys.h"
#include "mount/session.h"
#include "util/log.h"
#include "util/macros.h"

/* One client's wish, on its way to a thread of its own. */
struct unlocking {
	struct control *control;
	int client;
	char name[CONTROL_WORD_BYTES];
	struct keys_given given;
	struct passphrase *passphrase; /* NULL: none comes */
};

static void reply(int client, int result, const char *reason)
{
	char text[UNLOCK_REASON_BYTES + 16];

	if (result == 0)
		snprintf(text, sizeof(text), "ok\n");
	else if (result == -ENOKEY)
		snprintf(text, sizeof(text), "ask\n");
	else
		snprintf(text, sizeof(text), "failed %s\n", reason);
	if (send(client, text, strlen(text), MSG_NOSIGNAL) < 0)
		log_line(LOG_DEBUG, "who asked for a key is gone: %s", strerror(errno));
	close(client);
}

/* To the end of what the client sends; straight into memory for keys. */
static int receive_passphrase(int client, struct passphrase *passphrase)
{
	uint8_t *bytes = passphrase_bytes(passphrase);
	size_t length = 0;
	ssize_t received;

	do {
		received = recv(client, bytes + length, UNLOCK_PASSPHRASE_LIMIT_BYTES - length, 0);
		length += received > 0 ? (size_t)received : 0;
	} while (received > 0 || (received < 0 && errno == EINTR));
	passphrase_set_length(passphrase, length);
	return received < 0 ? -errno : 0;
}

static void unlocking_free(struct unlocking *unlocking)
{
	if (unlocking->passphrase)
		passphrase_free(unlocking->passphrase);
	free(unlocking);
}

static void *unlocking_run(void *data)
{
	struct unlocking *unlocking = data;
	struct control *control = unlocking->control;
	char reason[UNLOCK_REASON_BYTES] = "";
	int r;

	pthread_setname_np(pthread_self(), "unlock");
	r = unlocking->passphrase ? receive_passphrase(unlocking->client, unlocking->passphrase)
				  : 0;
	if (r == 0)
		r = keys_unlock(&control->session->names, unlocking->name, &unlocking->given,
				reason);
	else
		snprintf(reason, sizeof(reason), "%s", strerror(-r));
	/* A passphrase that was given and did not open it is no reason to ask again. */
	if (unlocking->passphrase && r == -ENOKEY)
		r = -EPERM;
	reply(unlocking->client, r, reason);
	unlocking_free(unlocking);
	pthread_mutex_lock(&control->unlocking_mutex);
	control->unlocking--;
	pthread_cond_signal(&control->unlocking_done);
	pthread_mutex_unlock(&control->unlocking_mutex);
	return NULL;
}

static int unlocking_start(struct unlocking *unlocking)
{
	struct control *control = unlocking->control;
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	pthread_mutex_lock(&control->unlocking_mutex);
	control->unlocking++;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 512 * KIB);
	r = -pthread_create(&thread, &attributes, unlocking_run, unlocking);
	pthread_attr_destroy(&attributes);
	control->unlocking -= r < 0;
	pthread_mutex_unlock(&control->unlocking_mutex);
	return r;
}

static int answer_unlock(struct control *control, int client, const char *name, bool given,
			 bool keyfile)
{
	struct unlocking *unlocking = calloc(1, sizeof(*unlocking));
	int r = unlocking ? 0 : -ENOMEM;

	if (r == 0) {
		unlocking->control = control;
		unlocking->client = client;
		snprintf(unlocking->name, sizeof(unlocking->name), "%s", name);
		if (given)
			r = passphrase_new(&unlocking->passphrase);
	}
	if (r == 0) {
		unlocking->given.passphrase = unlocking->passphrase;
		unlocking->given.keyfile = keyfile;
		r = unlocking_start(unlocking);
	}
	if (r < 0 && unlocking)
		unlocking_free(unlocking);
	return r;
}

static void answer_lock(struct control *control, int client, const char *name)
{
	int r = keys_lock(&control->session->names, name);

	reply(client, r,
	      r == -EBUSY      ? "in use: it can be locked once it is closed"
	      : r == -EALREADY ? "not encrypted"
			       : strerror(-r));
}

/* The rest of `word` behind `verb` and a blank, or NULL. */
static const char *name_after(const char *word, const char *verb)
{
	size_t length = strlen(verb);

	return strncmp(word, verb, length) == 0 && word[length] == ' ' ? word + length + 1 : NULL;
}

bool control_keys_answer(struct control *control, int client, const char *word)
{
	const char *name;
	int r;

	if ((name = name_after(word, "lock"))) {
		answer_lock(control, client, name);
		return true;
	}
	if ((name = name_after(word, "unlock")))
		r = answer_unlock(control, client, name, false, false);
	else if ((name = name_after(word, "unlock-passphrase")))
		r = answer_unlock(control, client, name, true, false);
	else if ((name = name_after(word, "unlock-keyfile")))
		r = answer_unlock(control, client, name, true, true);
	else
		return false;
	if (r < 0)
		reply(client, r == -ENOKEY ? -EIO : r, strerror(-r));
	return true;
}

void control_keys_start(struct control *control)
{
	pthread_mutex_init(&control->unlocking_mutex, NULL);
	pthread_cond_init(&control->unlocking_done, NULL);
}

void control_keys_stop(struct control *control)
{
	unlock_cancel();
	pthread_mutex_lock(&control->unlocking_mutex);
	while (control->unlocking > 0)
		pthread_cond_wait(&control->unlocking_done, &control->unlocking_mutex);
	pthread_mutex_unlock(&control->unlocking_mutex);
}
