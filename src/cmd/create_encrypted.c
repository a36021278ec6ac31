// SPDX-License-Identifier: MIT
#include "cmd/create_encrypted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "crypt/format.h"
#include "crypt/key_source.h"
#include "crypt/secret.h"
#include "image/create.h"
#include "util/macros.h"
#include "util/size.h"

/* What is made: one of them, or the image and the file of its header. */
struct making {
	const struct create_options *options;
	struct format_request request;
	struct key_source source;
	struct format *format;
	bool header_made;
};

static int number_take(const struct command *command, const char *name, const char *text,
		       uint64_t limit, uint64_t *ret_number)
{
	if (text && number_parse(text, limit, ret_number) < 0)
		return cmd_usage(command, "--%s %s: not such a number", name, text);
	return CMD_DONE;
}

static int size_take(const struct command *command, const char *name, const char *text,
		     uint64_t *ret_bytes)
{
	if (text && size_parse(text, ret_bytes) < 0)
		return cmd_usage(command, "--%s %s: bytes, or a number with K, M, G or T", name,
				 text);
	return CMD_DONE;
}

static int numbers_take(const struct command *command, struct making *making)
{
	const struct create_options *options = making->options;
	struct format_request *request = &making->request;
	uint64_t bits = 0, sector = 0, iterations = 0;
	int r = number_take(command, "key-size", options->key_size, 1 << 20, &bits);

	if (r == CMD_DONE)
		r = size_take(command, "sector-size", options->sector_size, &sector);
	if (r == CMD_DONE && sector > 4096)
		return cmd_usage(command, "--sector-size %s: 512, 1024, 2048 or 4096",
				 options->sector_size);
	if (r == CMD_DONE)
		r = number_take(command, "pbkdf-force-iterations", options->pbkdf_iterations,
				UINT32_MAX, &iterations);
	if (r == CMD_DONE)
		r = number_take(command, "offset", options->offset, INT64_MAX / 512,
				&request->offset_sectors);
	if (r == CMD_DONE)
		r = size_take(command, "keyfile-offset", options->keyfile_offset,
			      &making->source.offset_bytes);
	if (r == CMD_DONE)
		r = size_take(command, "keyfile-size", options->keyfile_size,
			      &making->source.size_bytes);
	request->key_bits = (uint32_t)bits;
	request->sector_size = (uint32_t)sector;
	request->pbkdf_iterations = (uint32_t)iterations;
	return r;
}

/* Options that say nothing for this type are a misunderstanding. */
static int check_type(const struct command *command, const struct making *making)
{
	const struct create_options *options = making->options;
	bool plain = making->request.type == FORMAT_PLAIN;
	const char *without = !plain                      ? NULL
			      : options->pbkdf            ? "pbkdf"
			      : options->pbkdf_iterations ? "pbkdf-force-iterations"
			      : options->header           ? "header"
							  : NULL;

	if (without)
		return cmd_usage(command, "--%s is for LUKS, this is plain", without);
	if (!plain && options->iv_large_sectors)
		return cmd_usage(command, "--iv-large-sectors is for plain, LUKS has no such "
					  "thing");
	if (making->request.type == FORMAT_LUKS1 && making->request.sector_size > 512)
		return cmd_usage(command, "--sector-size: LUKS1 has sectors of 512 bytes only");
	if (options->pbkdf && strcmp(options->pbkdf, "pbkdf2") != 0 &&
	    (making->request.type == FORMAT_LUKS1 ||
	     (strcmp(options->pbkdf, "argon2id") != 0 && strcmp(options->pbkdf, "argon2i") != 0)))
		return cmd_usage(command,
				 "--pbkdf %s: argon2id, argon2i, or pbkdf2, which is the "
				 "only one of LUKS1",
				 options->pbkdf);
	return CMD_DONE;
}

static int making_fill(const struct command *command, const struct create_options *options,
		       uint64_t size_bytes, struct making *making)
{
	const char *type = options->type;
	int r;

	*making = (struct making){.options = options, .source = {.source = options->key_file}};
	making->request = (struct format_request){
		.type = strcmp(type, "luks1") == 0   ? FORMAT_LUKS1
			: strcmp(type, "luks2") == 0 ? FORMAT_LUKS2
						     : FORMAT_PLAIN,
		.size_bytes = size_bytes,
		.spec = options->cipher,
		.hash = options->hash,
		.pbkdf = options->pbkdf,
		.detached = options->header != NULL,
		.iv_large_sectors = options->iv_large_sectors,
	};
	r = numbers_take(command, making);
	if (r == CMD_DONE)
		r = check_type(command, making);
	if (making->request.type == FORMAT_PLAIN && !options->hash && options->key_file &&
	    key_source_is_file(options->key_file))
		making->request.hash = "";
	return r;
}

/* They would be noticed later too, but then somebody has typed a passphrase already. */
static int refuse_existing(const char *path)
{
	struct stat status;

	if (!path || (lstat(path, &status) < 0 && errno == ENOENT))
		return CMD_DONE;
	return cmd_failed(path, -EEXIST, "exists already; remove it first or choose another name");
}

static int making_unlock(struct making *making, char reason[UNLOCK_REASON_BYTES])
{
	const struct key_source *source = &making->source;
	struct passphrase *passphrase;
	_cleanup_free_ char *prompt = NULL;
	int r = passphrase_new(&passphrase);

	if (r < 0)
		return r;
	if (asprintf(&prompt, "Passphrase for %s: ", making->options->image) < 0)
		r = -ENOMEM;
	if (r == 0)
		r = key_source_read(source, prompt, true, passphrase, reason);
	if (r == 0)
		r = format_new(&making->request, passphrase, &making->format, reason);
	passphrase_free(passphrase);
	return r;
}

static int make_image(void *context, void *bytes, uint64_t length, uint64_t offset)
{
	return format_make_image(((struct making *)context)->format, bytes, length, offset);
}

/* The image is complete, and about to get its name. */
static int finish_with_header(void *context, const char **ret_reason)
{
	struct making *making = context;
	const struct create_content content = {.make = format_make_header,
					       .context = making->format};
	const struct create_request request = {.path = making->options->header,
					       .size_bytes = format_header_bytes(making->format),
					       .content = &content};
	bool mapped;
	int r = image_create(&request, &mapped, ret_reason);

	if (r < 0 && !*ret_reason)
		*ret_reason = "its header's file cannot be made";
	making->header_made = r == 0;
	return r;
}

static int make(struct making *making)
{
	const struct volume_key *key = format_key(making->format);
	struct create_content content = {
		.make = make_image,
		.context = making,
		.header_bytes = making->request.detached ? 0 : format_header_bytes(making->format),
		.finish = making->request.detached ? finish_with_header : NULL,
	};
	_cleanup_free_ char *what = NULL;
	int r;

	if (making->request.type == FORMAT_PLAIN)
		content.header_bytes = 0;
	if (asprintf(&what, ", %s %s", key->type, key->spec) < 0)
		return cmd_failed(making->options->image, -ENOMEM, NULL);
	r = create_image(making->options, making->request.size_bytes, &content, what);
	if (r != CMD_DONE && making->header_made)
		unlink(making->options->header);
	return r;
}

int create_encrypted(const struct command *command, const struct create_options *options,
		     uint64_t size_bytes)
{
	char reason[UNLOCK_REASON_BYTES] = "";
	struct making making;
	int r = making_fill(command, options, size_bytes, &making);

	if (r == CMD_DONE)
		r = refuse_existing(options->image);
	if (r == CMD_DONE)
		r = refuse_existing(options->header);
	if (r != CMD_DONE)
		return r;
	r = secret_init(NULL);
	if (r == 0)
		r = making_unlock(&making, reason);
	if (r < 0)
		return cmd_failed(options->image, r, *reason ? reason : NULL);
	r = make(&making);
	format_free(making.format);
	return r;
}
