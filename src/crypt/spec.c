// SPDX-License-Identifier: MIT
#include "crypt/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypt/volume_key.h"
#include "util/macros.h"
#include "util/size.h"

/* dm-crypt has no limit but that of its key string; loop-AES needs 64. */
#define KEY_COUNT_LIMIT 64u

struct name {
	const char *name;
	int value;
};

static const struct name modes[] = {
	{"ecb", CIPHER_ECB}, {"cbc", CIPHER_CBC},           {"xts", CIPHER_XTS},
	{"lrw", CIPHER_LRW}, {"adiantum", CIPHER_ADIANTUM},
};

static const struct name ivs[] = {
	{"plain", IV_PLAIN}, {"plain64", IV_PLAIN64}, {"plain64be", IV_PLAIN64BE},
	{"essiv", IV_ESSIV}, {"null", IV_NULL},       {"benbi", IV_BENBI},
	{"eboiv", IV_EBOIV}, {"lmk", IV_LMK},
};

static int name_find(const struct name *names, size_t count, const char *name, int *ret_value)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i].name, name) == 0) {
			*ret_value = names[i].value;
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

static int refuse(int error, const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return error;
}

static int copy(char *to, size_t room, const char *from)
{
	return from && *from && (size_t)snprintf(to, room, "%s", from) < room ? 0 : -EINVAL;
}

static int parse_mode(struct cipher_spec *spec, const char *mode, const char **ret_reason)
{
	int value;

	if (name_find(modes, ARRAY_LENGTH(modes), mode, &value) < 0)
		return refuse(-EOPNOTSUPP, "its mode is none of xts, cbc, ecb, lrw, adiantum",
			      ret_reason);
	spec->mode = (enum cipher_mode)value;
	return 0;
}

static int parse_iv(struct cipher_spec *spec, const char *iv, const char *option,
		    const char **ret_reason)
{
	int value;

	/* dm-crypt ignores an IV that the mode has no use for. */
	if (spec->mode == CIPHER_ECB)
		return 0;
	if (!iv)
		return refuse(-EINVAL, "its IV is missing, as in aes-xts-plain64", ret_reason);
	if (strcmp(iv, "random") == 0)
		return refuse(-EOPNOTSUPP, "random IVs need a place to be stored (dm-integrity)",
			      ret_reason);
	if (name_find(ivs, ARRAY_LENGTH(ivs), iv, &value) < 0)
		return refuse(-EOPNOTSUPP,
			      "its IV is none of plain, plain64, plain64be, essiv, null, benbi, "
			      "eboiv, lmk",
			      ret_reason);
	spec->iv = (enum iv_type)value;
	if (spec->iv == IV_ESSIV && copy(spec->iv_hash, sizeof(spec->iv_hash), option) < 0)
		return refuse(-EINVAL, "its hash is missing, as in essiv:sha256", ret_reason);
	if (spec->iv != IV_ESSIV && option)
		return refuse(-EINVAL, "only the IV essiv has an option", ret_reason);
	return 0;
}

static int parse_algorithm(struct cipher_spec *spec, const char *algorithm, const char *keys,
			   const char **ret_reason)
{
	uint64_t count = 1;

	if (copy(spec->algorithm, sizeof(spec->algorithm), algorithm) < 0)
		return refuse(-EINVAL, "no cipher is named", ret_reason);
	if (keys && (number_parse(keys, KEY_COUNT_LIMIT, &count) < 0 || count == 0 ||
		     (count & (count - 1)) != 0))
		return refuse(-EINVAL, "the number of its keys is no power of two up to 64",
			      ret_reason);
	spec->key_count = (unsigned)count;
	return 0;
}

/* CIPHER[:KEYS][-MODE[-IV[:OPTION]]]; crypt_ctr_cipher_old() of the kernel. */
static int parse_dm_crypt(struct cipher_spec *spec, char *text, const char **ret_reason)
{
	char *keys = strsep(&text, "-");
	const char *algorithm = strsep(&keys, ":");
	const char *mode = strsep(&text, "-");
	const char *iv = strsep(&text, ":");
	int r = parse_algorithm(spec, algorithm, keys, ret_reason);

	if (!mode || (strcmp(mode, "plain") == 0 && !iv)) {
		mode = "cbc";
		iv = "plain";
	}
	if (r == 0)
		r = parse_mode(spec, mode, ret_reason);
	return r < 0 ? r : parse_iv(spec, iv, text, ret_reason);
}

/*
 * capi:MODE(CIPHER)-IV[:OPTION] or capi:essiv(MODE(CIPHER),HASH)-IV, names of the kernel's crypto
 * API; crypt_ctr_cipher_new(). The latter's IV, encrypted, is what essiv:HASH means.
 */
static int parse_capi(struct cipher_spec *spec, char *text, const char **ret_reason)
{
	static const char essiv[] = "essiv(";
	char *end = strrchr(text, ')');
	char *iv = end && end[1] == '-' ? end + 2 : NULL;
	const char *mode, *iv_name, *hash = NULL;
	int r;

	if (!end || (end[1] && !iv))
		return refuse(-EINVAL, "not of the form capi:xts(aes)-plain64", ret_reason);
	*end = 0;
	if (strncmp(text, essiv, strlen(essiv)) == 0) {
		text += strlen(essiv);
		end = strrchr(text, ')');
		if (!end || end[1] != ',' || !iv || strcmp(iv, "plain64") != 0)
			return refuse(-EINVAL,
				      "not of the form capi:essiv(cbc(aes),sha256)-plain64",
				      ret_reason);
		hash = end + 2;
		*end = 0;
	}
	mode = strsep(&text, "(");
	r = parse_algorithm(spec, text, NULL, ret_reason);
	if (r == 0)
		r = parse_mode(spec, mode, ret_reason);
	if (r < 0)
		return r;
	iv_name = strsep(&iv, ":");
	return hash ? parse_iv(spec, "essiv", hash, ret_reason)
		    : parse_iv(spec, iv_name, iv, ret_reason);
}

/* What the kernel refuses too. */
static int check(const struct cipher_spec *spec, const char **ret_reason)
{
	bool wide = spec->mode == CIPHER_ADIANTUM;

	if (strstr(spec->algorithm, "cipher_null"))
		return refuse(-EOPNOTSUPP, "cipher_null encrypts nothing", ret_reason);
	if (wide != (strchr(spec->algorithm, ',') != NULL))
		return refuse(-EINVAL, "Adiantum is written xchacha12,aes-adiantum-plain64",
			      ret_reason);
	if (wide && (spec->iv == IV_ESSIV || spec->iv == IV_EBOIV))
		return refuse(-EINVAL, "its IV has not the size of the cipher's block", ret_reason);
	if (spec->iv == IV_LMK && (spec->mode != CIPHER_CBC || spec->key_count != KEY_COUNT_LIMIT))
		return refuse(-EINVAL, "loop-AES is written aes:64-cbc-lmk", ret_reason);
	return 0;
}

int cipher_spec_parse(const char *text, struct cipher_spec *ret_spec, const char **ret_reason)
{
	static const char capi[] = "capi:";
	struct cipher_spec spec = {.iv = IV_NONE};
	char copied[CIPHER_SPEC_LIMIT_BYTES];
	int r;

	if (copy(copied, sizeof(copied), text) < 0)
		return refuse(-EINVAL, "no cipher spec, as aes-xts-plain64 is one", ret_reason);
	if (strncmp(copied, capi, strlen(capi)) == 0)
		r = parse_capi(&spec, copied + strlen(capi), ret_reason);
	else
		r = parse_dm_crypt(&spec, copied, ret_reason);
	if (r == 0)
		r = check(&spec, ret_reason);
	if (r == 0)
		*ret_spec = spec;
	return r;
}
