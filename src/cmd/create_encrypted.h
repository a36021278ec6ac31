/* SPDX-License-Identifier: MIT */
/* `create` of images that are encrypted. */
#ifndef CMD_CREATE_ENCRYPTED_H
#define CMD_CREATE_ENCRYPTED_H

#include <stdbool.h>
#include <stdint.h>

struct command;
struct create_content;

/* The command line, as it was typed; NULL: not. */
struct create_options {
	const char *type, *size, *image;
	const char *cipher, *key_size, *hash, *sector_size;
	const char *key_file, *keyfile_offset, *keyfile_size;
	const char *pbkdf, *pbkdf_iterations, *header, *offset;
	bool iv_large_sectors;
	bool sparse;
	bool help;
	const char *encrypted_option; /* the first that only encrypted images have */
};

/* Both return the exit code, and print one line of success or failure. `what` follows "created". */
int create_encrypted(const struct command *command, const struct create_options *options,
		     uint64_t size_bytes);
int create_image(const struct create_options *options, uint64_t size_bytes,
		 const struct create_content *content, const char *what);

#endif
