/* SPDX-License-Identifier: MIT */
/*
 * Where a passphrase comes from. As the user writes it, in keyfile= and in the third field of a
 * table:
 *   NULL, "none"     the terminal, without echo
 *   "-"              standard input, to its end, nothing stripped (cryptsetup's --key-file=-); in a
 *                    table "-" is the terminal, as crypttab(5) has it: the caller says so by NULL
 *   "%user:NAME"     a key of type "user" in the kernel's keyrings (keyctl(1), session and user)
 *   "%cred:NAME"     a systemd credential: the file NAME in $CREDENTIALS_DIRECTORY
 *   anything else    a keyfile
 */
#ifndef CRYPT_KEY_SOURCE_H
#define CRYPT_KEY_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypt/unlock.h"

struct key_source {
	const char *source;    /* as above */
	uint64_t offset_bytes; /* of a keyfile, credential or standard input: skipped */
	uint64_t size_bytes;   /* of the same: exactly this much, as cryptsetup; 0: all, up to the
				  limit */
	/* Wait for nobody: not at the terminal, nor on standard input, nor for a pipe's writer. */
	bool at_once;
};

/* Whether this names a keyfile, and none of the others. */
bool key_source_is_file(const char *source);

/* Whether reading it would ask somebody at the terminal. */
bool key_source_asks(const struct key_source *source);

/*
 * Reads it into `passphrase`. `prompt` ("Passphrase for disk.img: ") is shown on /dev/tty; with
 * `twice` it is asked again and must be the same (create). 0, or negative errno and the reason for
 * the user in ret_reason, which names the source: -ENOENT, -EACCES as open(2), -ENOKEY (no such key
 * in the keyring; nothing typed; somebody to wait for), -EFBIG larger than the limit (without
 * size_bytes), -ENOTTY no terminal to ask at, -EINTR.
 */
int key_source_read(const struct key_source *source, const char *prompt, bool twice,
		    struct passphrase *passphrase, char ret_reason[UNLOCK_REASON_BYTES]);

#endif
