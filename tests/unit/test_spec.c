// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <string.h>

#include "crypt/spec.h"
#include "util/macros.h"

static void test_understood(void **state)
{
	static const struct {
		const char *text;
		struct cipher_spec spec;
	} specs[] = {
		{"aes-xts-plain64", {"aes", CIPHER_XTS, IV_PLAIN64, "", 1}},
		{"aes-cbc-essiv:sha256", {"aes", CIPHER_CBC, IV_ESSIV, "sha256", 1}},
		{"serpent-cbc-essiv:sha3-256", {"serpent", CIPHER_CBC, IV_ESSIV, "sha3-256", 1}},
		{"aes-lrw-benbi", {"aes", CIPHER_LRW, IV_BENBI, "", 1}},
		{"aes-ecb", {"aes", CIPHER_ECB, IV_NONE, "", 1}},
		{"aes-ecb-plain", {"aes", CIPHER_ECB, IV_NONE, "", 1}},
		{"aes", {"aes", CIPHER_CBC, IV_PLAIN, "", 1}},
		{"aes-plain", {"aes", CIPHER_CBC, IV_PLAIN, "", 1}},
		{"aes:64-cbc-lmk", {"aes", CIPHER_CBC, IV_LMK, "", 64}},
		{"aes:2-cbc-plain64be", {"aes", CIPHER_CBC, IV_PLAIN64BE, "", 2}},
		{"camellia-cbc-eboiv", {"camellia", CIPHER_CBC, IV_EBOIV, "", 1}},
		{"sm4-cbc-null", {"sm4", CIPHER_CBC, IV_NULL, "", 1}},
		{"xchacha12,aes-adiantum-plain64",
		 {"xchacha12,aes", CIPHER_ADIANTUM, IV_PLAIN64, "", 1}},
		{"capi:xts(aes)-plain64", {"aes", CIPHER_XTS, IV_PLAIN64, "", 1}},
		{"capi:ecb(aes)", {"aes", CIPHER_ECB, IV_NONE, "", 1}},
		{"capi:adiantum(xchacha20,aes)-plain64",
		 {"xchacha20,aes", CIPHER_ADIANTUM, IV_PLAIN64, "", 1}},
		{"capi:essiv(cbc(aes),sha256)-plain64", {"aes", CIPHER_CBC, IV_ESSIV, "sha256", 1}},
		{"capi:cbc(aes)-essiv:sha256", {"aes", CIPHER_CBC, IV_ESSIV, "sha256", 1}},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(specs); i++) {
		const struct cipher_spec *wanted = &specs[i].spec;
		struct cipher_spec spec;
		const char *reason;

		assert_int_equal(cipher_spec_parse(specs[i].text, &spec, &reason), 0);
		assert_string_equal(spec.algorithm, wanted->algorithm);
		assert_int_equal(spec.mode, wanted->mode);
		assert_int_equal(spec.iv, wanted->iv);
		assert_string_equal(spec.iv_hash, wanted->iv_hash);
		assert_int_equal(spec.key_count, wanted->key_count);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} specs[] = {
		{"", -EINVAL},
		{"-", -EINVAL},
		{"aes-xts", -EINVAL},
		{"aes-xts-", -EOPNOTSUPP},
		{"aes-gcm-plain64", -EOPNOTSUPP},
		{"aes-xts-random", -EOPNOTSUPP},
		{"aes-xts-tcw", -EOPNOTSUPP},
		{"aes-cbc-elephant", -EOPNOTSUPP},
		{"aes-cbc-essiv", -EINVAL},
		{"aes-cbc-essiv:", -EINVAL},
		{"aes-cbc-plain:sha256", -EINVAL},
		{"aes:3-cbc-plain", -EINVAL},
		{"aes:0-cbc-plain", -EINVAL},
		{"aes:128-cbc-plain", -EINVAL},
		{"aes:x-cbc-plain", -EINVAL},
		{"aes-cbc-lmk", -EINVAL},
		{"aes:64-xts-lmk", -EINVAL},
		{"aes-adiantum-plain64", -EINVAL},
		{"xchacha12,aes-xts-plain64", -EINVAL},
		{"xchacha12,aes-adiantum-eboiv", -EINVAL},
		{"xchacha12,aes-adiantum-essiv:sha256", -EINVAL},
		{"cipher_null-ecb", -EOPNOTSUPP},
		{"capi:", -EINVAL},
		{"capi:xts", -EINVAL},
		{"capi:xts(aes)plain64", -EINVAL},
		{"capi:xts(aes)", -EINVAL},
		{"capi:authenc(hmac(sha256),xts(aes))-plain64", -EOPNOTSUPP},
		{"capi:essiv(cbc(aes),sha256)-plain", -EINVAL},
		{"capi:essiv(cbc(aes)-plain64", -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(specs); i++) {
		struct cipher_spec spec = {.key_count = 77};
		const char *reason = NULL;
		int r = cipher_spec_parse(specs[i].text, &spec, &reason);

		if (r != specs[i].error)
			print_error("%s: %d\n", specs[i].text, r);
		assert_int_equal(r, specs[i].error);
		assert_non_null(reason);
		assert_int_equal(spec.key_count, 77);
	}
}

static void test_too_long(void **state)
{
	char text[600];
	struct cipher_spec spec;
	const char *reason;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(cipher_spec_parse(text, &spec, &reason), -EINVAL);
	strcpy(text + 100, "-xts-plain64");
	assert_int_equal(cipher_spec_parse(text, &spec, &reason), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
