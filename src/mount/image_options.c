// SPDX-License-Identifier: MIT
#include "mount/image_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypt/key_source.h"
#include "util/macros.h"
#include "util/size.h"

/* A keyslot number of LUKS2; LUKS1 has eight. */
#define KEY_SLOT_LIMIT 31

/* What an option does with its value, which is NULL if there is no "=". -EINVAL: a bad one. */
typedef int image_option_set(struct image_options *options, const char *value);

static int set_text(char **to, const char *value)
{
	char *copy;

	if (!value || !*value)
		return -EINVAL;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* The daemon leaves the folder it was started in, but may need the file again. */
static int set_path(char **to, const char *value)
{
	_cleanup_free_ char *folder = NULL, *path = NULL;

	if (!value || *value == '/')
		return set_text(to, value);
	folder = get_current_dir_name();
	if (!folder || asprintf(&path, "%s/%s", folder, value) < 0)
		return -ENOMEM;
	return *value ? set_text(to, path) : -EINVAL;
}

static int set_name(char *to, size_t room, const char *value)
{
	return value && *value && (size_t)snprintf(to, room, "%s", value) < room ? 0 : -EINVAL;
}

static int set_number(uint64_t *to, const char *value, uint64_t limit)
{
	return value ? number_parse(value, limit, to) : -EINVAL;
}

static int set_flag(bool *to, const char *value)
{
	*to = true;
	return value ? -EINVAL : 0;
}

static int set_type(struct image_options *options, const char *value)
{
	static const char *const names[] = {
		[KIND_AUTO] = "auto",   [KIND_RAW] = "raw",       [KIND_LUKS] = "luks",
		[KIND_PLAIN] = "plain", [KIND_TCRYPT] = "tcrypt", [KIND_BITLK] = "bitlk"};

	for (size_t i = 0; value && i < ARRAY_LENGTH(names); i++) {
		if (strcmp(names[i], value) == 0) {
			options->kind = (enum image_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* crypttab(5) names the type without "type=". */
static int set_luks(struct image_options *options, const char *value)
{
	options->kind = KIND_LUKS;
	return value ? -EINVAL : 0;
}

static int set_plain(struct image_options *options, const char *value)
{
	options->kind = KIND_PLAIN;
	return value ? -EINVAL : 0;
}

static int set_tcrypt(struct image_options *options, const char *value)
{
	options->kind = KIND_TCRYPT;
	return value ? -EINVAL : 0;
}

static int set_bitlk(struct image_options *options, const char *value)
{
	options->kind = KIND_BITLK;
	return value ? -EINVAL : 0;
}

static int set_tcrypt_hidden(struct image_options *options, const char *value)
{
	options->kind = KIND_TCRYPT;
	return set_flag(&options->unlock.tcrypt_hidden, value);
}

static int set_tcrypt_system(struct image_options *options, const char *value)
{
	options->kind = KIND_TCRYPT;
	return set_flag(&options->unlock.tcrypt_system, value);
}

static int set_tcrypt_veracrypt(struct image_options *options, const char *value)
{
	options->kind = KIND_TCRYPT;
	return set_flag(&options->unlock.tcrypt_veracrypt, value);
}

static int set_veracrypt_pim(struct image_options *options, const char *value)
{
	uint64_t pim;

	if (set_number(&pim, value, INT32_MAX) < 0)
		return -EINVAL;
	options->unlock.veracrypt_pim = (uint32_t)pim;
	return 0;
}

static int set_cipher(struct image_options *options, const char *value)
{
	return set_name(options->unlock.spec, sizeof(options->unlock.spec), value);
}

static int set_key_size(struct image_options *options, const char *value)
{
	uint64_t bits;

	if (set_number(&bits, value, 8 * VOLUME_KEY_LIMIT_BYTES) < 0 || bits == 0 || bits % 8)
		return -EINVAL;
	options->unlock.key_bits = (uint32_t)bits;
	return 0;
}

static int set_hash(struct image_options *options, const char *value)
{
	options->hash_given = true;
	return set_name(options->unlock.hash, sizeof(options->unlock.hash), value);
}

static int set_sector_size(struct image_options *options, const char *value)
{
	uint64_t bytes;

	if (set_number(&bytes, value, 4096) < 0 || bytes < 512 || (bytes & (bytes - 1)) != 0)
		return -EINVAL;
	options->unlock.sector_size = (uint32_t)bytes;
	return 0;
}

static int set_iv_large_sectors(struct image_options *options, const char *value)
{
	return set_flag(&options->unlock.iv_large_sectors, value);
}

static int set_offset(struct image_options *options, const char *value)
{
	return set_number(&options->unlock.offset_sectors, value, INT64_MAX / 512);
}

static int set_skip(struct image_options *options, const char *value)
{
	return set_number(&options->unlock.skip_sectors, value, INT64_MAX);
}

static int set_key_slot(struct image_options *options, const char *value)
{
	uint64_t slot;

	if (set_number(&slot, value, KEY_SLOT_LIMIT) < 0)
		return -EINVAL;
	options->unlock.key_slot = (int32_t)slot;
	return 0;
}

static int set_header(struct image_options *options, const char *value)
{
	return set_path(&options->header, value);
}

static int set_keyfile(struct image_options *options, const char *value)
{
	return key_source_is_file(value) ? set_path(&options->keyfile, value)
					 : set_text(&options->keyfile, value);
}

static int set_keyfile_offset(struct image_options *options, const char *value)
{
	return value ? size_parse(value, &options->keyfile_offset_bytes) : -EINVAL;
}

static int set_keyfile_size(struct image_options *options, const char *value)
{
	int r = value ? size_parse(value, &options->keyfile_size_bytes) : -EINVAL;

	return r < 0 || options->keyfile_size_bytes == 0 ? -EINVAL : 0;
}

static int set_expect(struct image_options *options, const char *value)
{
	return set_text(&options->expect, value);
}

static int set_noauto(struct image_options *options, const char *value)
{
	return set_flag(&options->later, value);
}

static int set_read_only(struct image_options *options, const char *value)
{
	return set_flag(&options->volume.read_only, value);
}

static int set_passthrough(struct image_options *options, const char *value)
{
	return set_flag(&options->passthrough, value);
}

static int set_partitions(struct image_options *options, const char *value)
{
	return set_flag(&options->partitions, value);
}

static int set_discard(struct image_options *options, const char *value)
{
	static const char *const names[] = {
		[DISCARD_KEEP] = "keep", [DISCARD_ZERO] = "zero", [DISCARD_PUNCH] = "punch"};

	for (size_t i = 0; value && i < ARRAY_LENGTH(names); i++) {
		if (strcmp(names[i], value) == 0) {
			options->volume.discard = (enum discard)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int set_require(struct image_options *options, const char *value)
{
	if (!value)
		return -EINVAL;
	options->volume.require_mapped = strcmp(value, "mapped") == 0;
	return options->volume.require_mapped || strcmp(value, "any") == 0 ? 0 : -EINVAL;
}

static int set_start(struct image_options *options, const char *value)
{
	return value ? size_parse(value, &options->volume.start_bytes) : -EINVAL;
}

static int set_length(struct image_options *options, const char *value)
{
	int r = value ? size_parse(value, &options->volume.length_bytes) : -EINVAL;

	return r < 0 || options->volume.length_bytes == 0 ? -EINVAL : 0;
}

static const struct {
	const char *name;
	image_option_set *set;
	bool plain; /* a LUKS header says it, or there is no encryption */
} known[] = {
	{"type", set_type, false},
	{"luks", set_luks, false},
	{"plain", set_plain, false},
	{"tcrypt", set_tcrypt, false},
	{"bitlk", set_bitlk, false},
	{"tcrypt-hidden", set_tcrypt_hidden, false},
	{"tcrypt-system", set_tcrypt_system, false},
	{"tcrypt-veracrypt", set_tcrypt_veracrypt, false},
	{"veracrypt-pim", set_veracrypt_pim, false},
	{"cipher", set_cipher, true},
	{"key-size", set_key_size, true},
	{"size", set_key_size, true}, /* crypttab(5)'s name for it */
	{"hash", set_hash, true},
	{"sector-size", set_sector_size, true},
	{"iv-large-sectors", set_iv_large_sectors, true},
	{"offset", set_offset, true},
	{"skip", set_skip, true},
	{"key-slot", set_key_slot, false},
	{"header", set_header, false},
	{"keyfile", set_keyfile, false},
	{"keyfile-offset", set_keyfile_offset, false},
	{"keyfile-size", set_keyfile_size, false},
	{"expect", set_expect, false},
	{"noauto", set_noauto, false},
	{"ro", set_read_only, false},
	{"readonly", set_read_only, false},
	{"read-only", set_read_only, false},
	{"discard", set_discard, false},
	{"passthrough", set_passthrough, false},
	{"partitions", set_partitions, false},
	{"require", set_require, false},
	{"start", set_start, false},
	{"length", set_length, false},
};

void image_options_init(struct image_options *options)
{
	*options = (struct image_options){
		.unlock = {.key_slot = UNLOCK_ANY_SLOT, .key_bits = 256, .sector_size = 512}};
	strcpy(options->unlock.spec, "aes-cbc-essiv:sha256");
	strcpy(options->unlock.hash, "ripemd160");
}

void image_options_destroy(struct image_options *options)
{
	free(options->keyfile);
	free(options->header);
	free(options->expect);
	options->keyfile = options->header = options->expect = NULL;
}

static int copy_text(char **to)
{
	if (*to)
		*to = strdup(*to);
	return *to ? 0 : -ENOMEM;
}

int image_options_copy(const struct image_options *from, struct image_options *ret_options)
{
	struct image_options copy = *from;
	bool failed;

	copy.plain_option = NULL;
	failed = (from->keyfile && copy_text(&copy.keyfile) < 0) |
		 (from->header && copy_text(&copy.header) < 0) |
		 (from->expect && copy_text(&copy.expect) < 0);
	if (failed) {
		image_options_destroy(&copy);
		return -ENOMEM;
	}
	*ret_options = copy;
	return 0;
}

/* Adiantum's cipher is two names: the comma between them is not the end. */
static bool goes_on(const char *option, const char *end)
{
	static const char start[] = "cipher=xchacha";

	return strncmp(option, start, strlen(start)) == 0 &&
	       !memchr(option, '-', (size_t)(end - option)) && strncmp(end, ",aes-", 5) == 0;
}

char *image_options_next(char **list)
{
	char *option = *list, *from = option, *to = option;
	bool quoted = false;
	int depth = 0;

	if (!option)
		return NULL;
	for (; *from; from++) {
		if (*from == ',' && !quoted && depth <= 0 && !goes_on(option, from))
			break;
		if (*from == '"') {
			quoted = !quoted;
			continue;
		}
		if (*from == '\\' && from[1] == ',')
			from++;
		else
			depth += (*from == '(') - (*from == ')');
		*to++ = *from;
	}
	*list = *from ? from + 1 : NULL;
	*to = '\0';
	return option;
}

/* Its place among those that are known, or -1. */
static int option_place(const char *option)
{
	size_t length = strcspn(option, "=");

	for (size_t i = 0; i < ARRAY_LENGTH(known); i++)
		if (strlen(known[i].name) == length && strncmp(known[i].name, option, length) == 0)
			return (int)i;
	return -1;
}

bool image_options_known(const char *option)
{
	return option_place(option) >= 0;
}

int image_options_set(struct image_options *options, const char *option)
{
	const char *equals = strchr(option, '=');
	int place = option_place(option);

	if (place < 0)
		return -ENOENT;
	if (known[place].plain && !options->plain_option)
		options->plain_option = known[place].name;
	return known[place].set(options, equals ? equals + 1 : NULL) == 0 ? 0 : -EINVAL;
}

int image_options_check(const struct image_options *options, const char **ret_reason)
{
	if (options->kind == KIND_PLAIN || !options->plain_option)
		return 0;
	*ret_reason = options->kind == KIND_LUKS || options->kind == KIND_AUTO
			      ? "is for type=plain; a LUKS header says it itself"
			      : "is for type=plain";
	return -EINVAL;
}
