// SPDX-License-Identifier: MIT
/*
 * Published vectors for the modes; then that sectors are the same however many are given at once,
 * and whichever lane has them. What dm-crypt makes of the same, the vm suite compares.
 */
#include "scratch.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "crypt/cipher.h"
#include "crypt/secret.h"
#include "crypt/sector.h"
#include "util/macros.h"

struct vector {
	enum cipher_mode mode;
	const char *key, *iv, *plain, *crypted;
};

#define NIST_PLAIN                                                                                 \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                         \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

/* AES: IEEE 1619-2007 annex B (XTS 1 to 3, and the start of 4 and 10), NIST SP 800-38A F.1 and F.2
 * (ECB, CBC), IEEE P1619 draft (LRW). */
static const struct vector vectors[] = {
	{CIPHER_XTS, "0000000000000000000000000000000000000000000000000000000000000000",
	 "00000000000000000000000000000000",
	 "0000000000000000000000000000000000000000000000000000000000000000",
	 "917cf69ebd68b2ec9b9fe9a3eadda692cd43d2f59598ed858c02c2652fbf922e"},
	{CIPHER_XTS, "1111111111111111111111111111111122222222222222222222222222222222",
	 "33333333330000000000000000000000",
	 "4444444444444444444444444444444444444444444444444444444444444444",
	 "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"},
	{CIPHER_XTS, "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f022222222222222222222222222222222",
	 "33333333330000000000000000000000",
	 "4444444444444444444444444444444444444444444444444444444444444444",
	 "af85336b597afc1a900b2eb21ec949d292df4c047e0b21532186a5971a227a89"},
	{CIPHER_XTS, "2718281828459045235360287471352631415926535897932384626433832795",
	 "00000000000000000000000000000000",
	 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"},
	{CIPHER_XTS,
	 "2718281828459045235360287471352662497757247093699959574966967627"
	 "3141592653589793238462643383279502884197169399375105820974944592",
	 "ff000000000000000000000000000000",
	 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	 "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"},
	{CIPHER_ECB, "2b7e151628aed2a6abf7158809cf4f3c", "", NIST_PLAIN,
	 "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
	 "43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"},
	{CIPHER_CBC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
	 NIST_PLAIN,
	 "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
	 "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
	{CIPHER_CBC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
	 "000102030405060708090a0b0c0d0e0f", NIST_PLAIN,
	 "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
	 "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
	{CIPHER_LRW, "4562ac25f828176d4c268414b5680185258e2a05e73e9d03ee5a830ccc094c87",
	 "00000000000000000000000000000001", "30313233343536373839414243444546",
	 "f1b273cd65a3df5fe95d489254634eb8"},
};

static void check_vector(const struct vector *vector, cipher_make *make)
{
	uint8_t key[64], plain[64], crypted[64], iv[CIPHER_IV_LIMIT_BYTES], bytes[64];
	size_t key_bytes = unhex(vector->key, key), length = unhex(vector->plain, plain);
	const char *reason = NULL;
	struct cipher *cipher;
	int r = make("aes", vector->mode, key, key_bytes, &cipher, &reason);

	/* This implementation leaves it to another. */
	if (r == -EOPNOTSUPP && make != cipher_new)
		return;
	assert_int_equal(r, 0);
	unhex(vector->crypted, crypted);
	memcpy(bytes, plain, length);
	assert_int_equal(unhex(vector->iv, iv), cipher->iv_bytes);
	assert_int_equal(cipher_crypt(cipher, true, bytes, length, 1, iv), 0);
	assert_memory_equal(bytes, crypted, length);
	unhex(vector->iv, iv);
	assert_int_equal(cipher_crypt(cipher, false, bytes, length, 1, iv), 0);
	assert_memory_equal(bytes, plain, length);
	cipher_free(cipher);
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
		check_vector(&vectors[i], cipher_new);
}

/* Those over ECB too where a library has the mode. */
static void test_vectors_without_library(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
		check_vector(&vectors[i], cipher_xts_new);
}

static const struct {
	const char *spec;
	uint32_t key_bytes;
	bool small_only; /* sectors of 512 bytes */
} specs[] = {
	{"aes-xts-plain64", 32, false},
	{"aes-xts-plain64", 48, false},
	{"aes-xts-plain64", 64, false},
	{"aes-xts-essiv:sha256", 64, false},
	{"aes-cbc-plain", 16, false},
	{"aes-cbc-essiv:sha256", 32, false},
	{"aes-cbc-essiv:md5", 16, false},
	{"aes-cbc-eboiv", 32, false},
	{"aes-cbc-null", 24, false},
	{"aes-lrw-benbi", 48, false},
	{"aes-ecb", 32, false},
	{"aes:2-cbc-plain64", 64, false},
	{"aes:64-cbc-lmk", 64 * 16, true},
	{"aes:64-cbc-lmk", 65 * 32, true},
	{"camellia-xts-plain64be", 64, false},
	{"aria-lrw-plain64", 32, false},
	{"sm4-cbc-plain64", 16, false},
	{"sm4-xts-plain64", 32, false},
	{"serpent-xts-plain64", 64, false},
	{"serpent-cbc-essiv:sha1", 16, false},
	{"twofish-cbc-essiv:sha256", 32, false},
	{"xchacha12,aes-adiantum-plain64", 32, false},
	{"xchacha20,aes-adiantum-plain64be", 32, false},
};

#define BYTES (64u * 4096u)

static struct sectors *sectors_make(size_t i, uint32_t sector_size, bool large, unsigned lanes)
{
	struct volume_key key = {.sector_size = sector_size,
				 .iv_large_sectors = large,
				 .iv_offset_sectors = 8589934592 + 8,
				 .key_bytes = specs[i].key_bytes};
	struct sectors *sectors;
	const char *reason = "";

	strcpy(key.spec, specs[i].spec);
	for (uint32_t j = 0; j < key.key_bytes; j++)
		key.key[j] = (uint8_t)(j * 7 + i);
	if (sectors_new(&key, lanes, &sectors, &reason) == 0)
		return sectors;
	/* A build without it says so; whoever has it may not skip. */
	if (!strstr(reason, "which this build is without"))
		fail_msg("%s: %s", key.spec, reason);
	print_message("SKIP PART: %s: %s\n", key.spec, reason);
	return NULL;
}

static void check_batches(size_t i, uint32_t sector_size, bool large)
{
	static uint8_t plain[BYTES], whole[BYTES], single[BYTES];
	struct sectors *sectors = sectors_make(i, sector_size, large, 2);
	const uint64_t offset = 5 * 4096;

	if (!sectors)
		return;
	for (size_t j = 0; j < BYTES; j++)
		plain[j] = (uint8_t)(j >> 9 ^ j);
	memcpy(whole, plain, BYTES);
	memcpy(single, plain, BYTES);
	assert_int_equal(sectors_encrypt(sectors, 0, whole, BYTES, offset), 0);
	assert_memory_not_equal(whole, plain, BYTES);
	for (size_t at = 0; at < BYTES; at += sector_size)
		assert_int_equal(sectors_encrypt(sectors, 1, single + at, sector_size, offset + at),
				 0);
	assert_memory_equal(whole, single, BYTES);
	assert_int_equal(sectors_decrypt(sectors, 1, whole, BYTES, offset), 0);
	assert_memory_equal(whole, plain, BYTES);
	sectors_free(sectors);
}

static void test_batches(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(specs); i++) {
		check_batches(i, 512, false);
		for (uint32_t size = 1024; !specs[i].small_only && size <= 4096; size *= 2) {
			check_batches(i, size, false);
			check_batches(i, size, true);
		}
	}
}

/* The number of a sector beyond 2^32, by hand: AES-ECB of the tweak, IEEE 1619. */
static void test_sector_number(void **state)
{
	struct volume_key key = {.spec = "aes-cbc-plain64",
				 .sector_size = 4096,
				 .iv_offset_sectors = 0x123456780ull * 8,
				 .key_bytes = 16};
	static uint8_t bytes[4096], block[16];
	struct sectors *sectors;
	const char *reason;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	uint64_t number;
	int done;

	for (int large = 0; large < 2; large++) {
		key.iv_large_sectors = large;
		assert_int_equal(sectors_new(&key, 1, &sectors, &reason), 0);
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(sectors_encrypt(sectors, 0, bytes, sizeof(bytes), 4096), 0);
		number = large ? 0x123456781ull : 0x123456781ull * 8;
		memset(block, 0, sizeof(block));
		memcpy(block, &number, sizeof(number));
		EVP_EncryptInit_ex(context, EVP_aes_128_ecb(), NULL, key.key, NULL);
		EVP_EncryptUpdate(context, block, &done, block, sizeof(block));
		assert_memory_equal(bytes, block, sizeof(block));
		sectors_free(sectors);
	}
	EVP_CIPHER_CTX_free(context);
}

static void test_refused(void **state)
{
	static const struct {
		struct volume_key key;
		int error;
	} keys[] = {
		{{.spec = "aes-xts-plain64", .sector_size = 512, .key_bytes = 33}, -EINVAL},
		{{.spec = "aes-xts-plain64", .sector_size = 512, .key_bytes = 40}, -EINVAL},
		{{.spec = "aes-xts-plain64", .sector_size = 512, .key_bytes = 0}, -EINVAL},
		{{.spec = "aes-cbc-plain", .sector_size = 512, .key_bytes = 8}, -EINVAL},
		{{.spec = "aes-cbc-plain", .sector_size = 256, .key_bytes = 16}, -EINVAL},
		{{.spec = "aes-cbc-plain", .sector_size = 8192, .key_bytes = 16}, -EINVAL},
		{{.spec = "aes-cbc-plain", .sector_size = 0, .key_bytes = 16}, -EINVAL},
		{{.spec = "aes-cbc-essiv:sha1", .sector_size = 512, .key_bytes = 16}, -EINVAL},
		{{.spec = "aes-cbc-essiv:nosuch", .sector_size = 512, .key_bytes = 16},
		 -EOPNOTSUPP},
		{{.spec = "aes:2-cbc-plain", .sector_size = 512, .key_bytes = 33}, -EINVAL},
		{{.spec = "aes:64-cbc-lmk", .sector_size = 4096, .key_bytes = 1024}, -EINVAL},
		{{.spec = "aes:64-cbc-lmk", .sector_size = 512, .key_bytes = 66 * 16 + 1}, -EINVAL},
		{{.spec = "aes-lrw-benbi", .sector_size = 512, .key_bytes = 16}, -EINVAL},
		{{.spec = "des3_ede-cbc-plain", .sector_size = 512, .key_bytes = 24}, -EOPNOTSUPP},
		{{.spec = "xchacha8,aes-adiantum-plain64", .sector_size = 512, .key_bytes = 32},
		 -EOPNOTSUPP},
		{{.spec = "aes-xts-plain64",
		  .sector_size = 4096,
		  .key_bytes = 32,
		  .iv_offset_sectors = 1},
		 -EINVAL},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		struct sectors *sectors;
		const char *reason = NULL;

		assert_int_equal(sectors_new(&keys[i].key, 2, &sectors, &reason), keys[i].error);
		assert_non_null(reason);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors), cmocka_unit_test(test_vectors_without_library),
		cmocka_unit_test(test_batches), cmocka_unit_test(test_sector_number),
		cmocka_unit_test(test_refused),
	};

	if (secret_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
