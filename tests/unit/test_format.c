// SPDX-License-Identifier: MIT
/*
 * New encrypted images, in memory and by the real program: what cryptsetup(8) and unlock() find in
 * them, and that their payload is zeros, encrypted.
 */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/format.h"
#include "crypt/secret.h"
#include "crypt/sector.h"
#include "util/macros.h"

#define PASSPHRASE "not a good one"

static char reason[UNLOCK_REASON_BYTES];

static void need_keyfile(void)
{
	file_write("keyfile", PASSPHRASE, strlen(PASSPHRASE));
}

static int create(const char *arguments)
{
	need_keyfile();
	return program_run(PLATTERFS_PROGRAM " create --key-file keyfile %s", arguments);
}

#define CHEAP "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 "

static struct passphrase *passphrase_make(void)
{
	struct passphrase *passphrase;

	assert_int_equal(passphrase_new(&passphrase), 0);
	memcpy(passphrase_bytes(passphrase), PASSPHRASE, strlen(PASSPHRASE));
	passphrase_set_length(passphrase, strlen(PASSPHRASE));
	return passphrase;
}

static struct volume_key unlock_image(enum unlock_type type, const char *hash, const char *header)
{
	struct passphrase *passphrase = passphrase_make();
	struct unlock_request request = {.type = type,
					 .key_slot = UNLOCK_ANY_SLOT,
					 .spec = "aes-cbc-essiv:sha256",
					 .key_bits = 256,
					 .sector_size = 512};
	int fd = open("image", O_RDONLY), header_fd = header ? open(header, O_RDONLY) : -1;
	struct volume_key key;
	struct stat status;

	strcpy(request.hash, hash);
	assert_int_equal(fstat(fd, &status), 0);
	request.length_bytes = (uint64_t)status.st_size;
	assert_int_equal(unlock(&request, fd, header_fd, passphrase, &key, reason), 0);
	passphrase_free(passphrase);
	close(fd);
	if (header)
		close(header_fd);
	return key;
}

/* The payload is full of zeros, and its ciphertext is not. */
static void expect_zeros(const struct volume_key *key)
{
	struct sectors *sectors;
	const char *why;
	uint64_t size, end, zeros = 0;
	unsigned char *image = file_read("image", &size);
	unsigned char *payload = image + key->data_offset_bytes;

	end = key->size_bytes ? key->size_bytes : size - key->data_offset_bytes;
	assert_int_equal(sectors_new(key, 1, &sectors, &why), 0);
	for (uint64_t i = 0; i < end; i++)
		zeros += payload[i] == 0;
	assert_true(zeros < end / 100);
	assert_int_equal(sectors_decrypt(sectors, 0, payload, end, 0), 0);
	for (uint64_t i = 0; i < end; i++)
		assert_int_equal(payload[i], 0);
	sectors_free(sectors);
	free(image);
}

static void test_luks2(void **state)
{
	struct volume_key key;

	need_extents();
	assert_int_equal(create("--type luks2 --size 20M " CHEAP "image"), 0);
	key = unlock_image(UNLOCK_LUKS, "", NULL);
	assert_string_equal(key.type, "luks2");
	assert_string_equal(key.spec, "aes-xts-plain64");
	assert_int_equal(key.key_bytes, 64);
	assert_int_equal(key.data_offset_bytes, 16 * MIB);
	expect_zeros(&key);
	if (program_run("cryptsetup --version") != 0)
		skip();
	assert_int_equal(program_run("cryptsetup open --test-passphrase --key-file keyfile image"),
			 0);
	assert_int_equal(program_run("cryptsetup repair --batch-mode image"), 0);
}

/* A size that no sector fits: what cryptsetup would make of it. */
static void test_luks1_odd(void **state)
{
	struct volume_key key;

	assert_int_equal(create("--type luks1 --size 5000100 --cipher aes-cbc-essiv:sha256 "
				"--key-size 128 --hash sha512 --pbkdf-force-iterations 1000 image"),
			 0);
	key = unlock_image(UNLOCK_LUKS, "", NULL);
	assert_string_equal(key.type, "luks1");
	assert_string_equal(key.spec, "aes-cbc-essiv:sha256");
	assert_int_equal(key.key_bytes, 16);
	assert_int_equal(key.size_bytes, round_down(5000100 - key.data_offset_bytes, 512));
	expect_zeros(&key);
}

static void test_detached(void **state)
{
	struct volume_key key;

	assert_int_equal(
		create("--type luks2 --size 3M --header header --sector-size 1024 " CHEAP "image"),
		0);
	key = unlock_image(UNLOCK_LUKS, "", "header");
	assert_int_equal(key.data_offset_bytes, 0);
	assert_int_equal(key.sector_size, 1024);
	expect_zeros(&key);
	assert_int_equal(names_count(), 3);
}

static void test_offset(void **state)
{
	struct volume_key key;

	assert_int_equal(create("--type luks2 --size 20M --offset 36864 " CHEAP "image"), 0);
	key = unlock_image(UNLOCK_LUKS, "", NULL);
	assert_int_equal(key.data_offset_bytes, 18 * MIB);
	expect_zeros(&key);
}

static void test_sparse(void **state)
{
	struct stat status;

	need_extents();
	assert_int_equal(create("--type luks2 --size 100M --sparse " CHEAP "image"), 0);
	unlock_image(UNLOCK_LUKS, "", NULL);
	assert_int_equal(stat("image", &status), 0);
	assert_int_equal(status.st_size, 100 * MIB);
	assert_true(status.st_blocks * 512 < (off_t)(20 * MIB));
}

static void test_plain(void **state)
{
	struct volume_key key;
	uint64_t size;
	unsigned char *image;

	assert_int_equal(create("--type plain --hash ripemd160 --size 1000000 --offset 3 image"),
			 0);
	key = unlock_image(UNLOCK_PLAIN, "ripemd160", NULL);
	key.data_offset_bytes = 3 * 512;
	key.size_bytes = round_down(1000000 - 3 * 512, 512);
	expect_zeros(&key);
	image = file_read("image", &size);
	assert_int_equal(size, 1000000);
	for (size_t i = 0; i < 3 * 512; i++)
		assert_int_equal(image[i], 0);
	free(image);
}

/* Nothing is there afterwards, neither the image nor its header. */
static void test_refused(void **state)
{
	static const struct {
		const char *arguments;
		int code;
	} bad[] = {
		{"--type luks2 --size 20M --cipher nonsense image", 1},
		{"--type luks2 --size 20M --cipher aes-gcm-random image", 1},
		{"--type luks2 --size 20M --key-size 100 image", 1},
		{"--type luks2 --size 20M --sector-size 500 image", 1},
		{"--type luks2 --size 20M --sector-size 8192 image", 2},
		{"--type luks2 --size 1M image", 1},
		{"--type luks2 --size 20M --hash nonsense " CHEAP "image", 1},
		{"--type luks1 --size 20M --sector-size 4096 image", 2},
		{"--type luks1 --size 20M --pbkdf argon2id image", 2},
		{"--type luks2 --size 20M --pbkdf scrypt image", 2},
		{"--type luks2 --size 20M --iv-large-sectors image", 2},
		{"--type luks2 --size 20M --key-file missing image", 1},
		{"--type luks2 --size 20M --header missing/header " CHEAP "image", 1},
		{"--type plain --size 1M image", 1}, /* the keyfile is shorter than the key */
		{"--type plain --size 1M --pbkdf argon2id image", 2},
		{"--type plain --size 1M --header header image", 2},
		{"--type plain --size 1M --hash nonsense image", 1},
		{"--type raw --size 1M image", 2},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		assert_int_equal(create(bad[i].arguments), bad[i].code);
		assert_int_equal(names_count(), 1);
	}
	file_make("header", 1);
	assert_int_equal(create("--type luks2 --size 20M --header header " CHEAP "image"), 1);
	assert_int_equal(names_count(), 2);
}

/* However the image is cut into pieces, it is the same image. */
static void test_pieces(void **state)
{
	static const uint64_t cuts[] = {1, 511, 512, 513, 4096, 5000, 65536};
	const struct format_request request = {.type = FORMAT_PLAIN,
					       .size_bytes = 70000,
					       .spec = "aes-xts-plain64",
					       .key_bits = 512,
					       .sector_size = 2048,
					       .iv_large_sectors = true,
					       .hash = "sha512",
					       .offset_sectors = 5};
	struct passphrase *passphrase = passphrase_make();
	unsigned char whole[69120], pieces[69120];
	struct format *format;

	assert_int_equal(format_new(&request, passphrase, &format, reason), -EINVAL);
	for (size_t i = 0; i < ARRAY_LENGTH(cuts); i++) {
		struct format_request fitting = request;

		fitting.size_bytes = 5 * 512 + 32 * 2048 + 100;
		assert_int_equal(format_new(&fitting, passphrase, &format, reason), 0);
		memset(whole, 1, sizeof(whole));
		assert_int_equal(format_make_image(format, whole, fitting.size_bytes, 0), 0);
		for (uint64_t at = 0; at < fitting.size_bytes; at += cuts[i])
			assert_int_equal(
				format_make_image(format, pieces + at,
						  min_u64(cuts[i], fitting.size_bytes - at), at),
				0);
		assert_memory_equal(whole, pieces, fitting.size_bytes);
		format_free(format);
	}
	passphrase_free(passphrase);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_luks2),    SCRATCH_TEST(test_luks1_odd),
		SCRATCH_TEST(test_detached), SCRATCH_TEST(test_offset),
		SCRATCH_TEST(test_sparse),   SCRATCH_TEST(test_plain),
		SCRATCH_TEST(test_refused),  SCRATCH_TEST(test_pieces),
	};

	secret_init(NULL);
	unlock_program = PLATTERFS_PROGRAM;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
