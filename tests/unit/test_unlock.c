// SPDX-License-Identifier: MIT
/*
 * Keys against those that cryptsetup(8) says, of images that it has made; those of plain volumes
 * against hashes computed here. The child is the real program.
 */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/secret.h"
#include "crypt/unlock.h"
#include "util/macros.h"

#define PASSPHRASE "not a good one"

static char reason[UNLOCK_REASON_BYTES];
static struct volume_key key;

/* Bytes of a file at an offset, made to be different. */
static void spoil(const char *path, off_t offset, size_t length)
{
	int fd = open(path, O_RDWR);

	for (size_t i = 0; i < length; i++, offset++) {
		unsigned char byte;

		assert_int_equal(pread(fd, &byte, 1, offset), 1);
		byte ^= 0x5a;
		assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	}
	close(fd);
}

static void need_cryptsetup(void)
{
	if (program_run("cryptsetup --version") != 0)
		skip();
	file_write("keyfile", PASSPHRASE, strlen(PASSPHRASE));
}

static void format(const char *path, uint64_t size, const char *options)
{
	file_make(path, size);
	assert_int_equal(program_run("cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 "
				     "--pbkdf-force-iterations 1000 %s %s keyfile",
				     options, path),
			 0);
}

static struct unlock_request luks_request(uint64_t start, uint64_t length)
{
	return (struct unlock_request){.type = UNLOCK_LUKS,
				       .start_bytes = start,
				       .length_bytes = length,
				       .key_slot = UNLOCK_ANY_SLOT};
}

static struct unlock_request plain_request(const char *spec, unsigned key_bits, const char *hash)
{
	struct unlock_request request = {.type = UNLOCK_PLAIN,
					 .length_bytes = MIB,
					 .key_bits = key_bits,
					 .sector_size = 512};

	strcpy(request.spec, spec);
	strcpy(request.hash, hash);
	return request;
}

static int unlock_bytes(const struct unlock_request *request, const char *image, const char *header,
			const void *bytes, size_t length)
{
	int image_fd = open(image, O_RDONLY), header_fd = header ? open(header, O_RDONLY) : -1;
	struct passphrase *passphrase = NULL;
	int r;

	if (bytes) {
		assert_int_equal(passphrase_new(&passphrase), 0);
		memcpy(passphrase_bytes(passphrase), bytes, length);
		passphrase_set_length(passphrase, length);
	}
	memset(&key, 0xff, sizeof(key));
	r = unlock(request, image_fd, header_fd, passphrase, &key, reason);
	passphrase_free(passphrase);
	close(image_fd);
	if (header)
		close(header_fd);
	assert_true((r < 0) == (reason[0] != 0));
	if (r < 0) {
		static const struct volume_key nothing;

		assert_memory_equal(&key, &nothing, sizeof(key));
	}
	return r;
}

static int unlock_with(const struct unlock_request *request, const char *image, const char *text)
{
	return unlock_bytes(request, image, NULL, text, text ? strlen(text) : 0);
}

static int unlock_luks(const char *image, uint64_t size, const char *text)
{
	struct unlock_request request = luks_request(0, size);

	return unlock_with(&request, image, text);
}

static void expect_key_of(const char *header)
{
	uint64_t size;
	unsigned char *bytes;

	unlink("volume-key");
	assert_int_equal(program_run("cryptsetup luksDump --batch-mode --dump-volume-key "
				     "--volume-key-file volume-key --key-file keyfile %s",
				     header),
			 0);
	bytes = file_read("volume-key", &size);
	assert_int_equal(key.key_bytes, size);
	assert_memory_equal(key.key, bytes, size);
	free(bytes);
}

static void test_luks2(void **state)
{
	struct unlock_request request = luks_request(0, 32 * MIB);

	need_cryptsetup();
	format("image", 32 * MIB, "--type luks2 --sector-size 4096");
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), 0);
	expect_key_of("image");
	assert_string_equal(key.type, "luks2");
	assert_string_equal(key.spec, "aes-xts-plain64");
	assert_int_equal(key.key_bytes, 64);
	assert_int_equal(key.sector_size, 4096);
	assert_int_equal(key.data_offset_bytes, 16 * MIB);
	assert_int_equal(key.iv_offset_sectors, 0);
	assert_int_equal(key.size_bytes, 0);
	assert_false(key.iv_large_sectors);
}

static void test_luks1(void **state)
{
	struct unlock_request request = luks_request(0, 4 * MIB);

	need_cryptsetup();
	format("image", 4 * MIB,
	       "--type luks1 --cipher aes-cbc-essiv:sha256 --key-size 128 --hash sha1 "
	       "--key-slot 5");
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), 0);
	expect_key_of("image");
	assert_string_equal(key.type, "luks1");
	assert_string_equal(key.spec, "aes-cbc-essiv:sha256");
	assert_int_equal(key.sector_size, 512);
	assert_int_equal(key.data_offset_bytes, MIB);
	request.key_slot = 5;
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), 0);
	request.key_slot = 4;
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), -EPERM);
	request.key_slot = 8;
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), -EPERM);
}

static void test_argon2(void **state)
{
	need_cryptsetup();
	file_make("image", 20 * MIB);
	assert_int_equal(
		program_run("cryptsetup luksFormat --batch-mode --pbkdf argon2id --pbkdf-memory "
			    "64 --pbkdf-force-iterations 4 --pbkdf-parallel 1 image keyfile"),
		0);
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), 0);
	expect_key_of("image");
}

static void test_wrong_passphrase(void **state)
{
	need_cryptsetup();
	format("image", 20 * MIB, "--type luks2");
	assert_int_equal(unlock_luks("image", 20 * MIB, "a guess"), -EPERM);
	assert_non_null(strstr(reason, "passphrase"));
	assert_int_equal(unlock_luks("image", 20 * MIB, ""), -EPERM);
	assert_int_equal(unlock_luks("image", 20 * MIB, NULL), -ENOKEY);
}

static void test_detached_header(void **state)
{
	struct unlock_request request = luks_request(0, 4 * MIB);

	need_cryptsetup();
	file_make("header", 16 * MIB);
	format("image", 4 * MIB, "--type luks2 --header header --offset 4096");
	assert_int_equal(unlock_bytes(&request, "image", "header", PASSPHRASE, strlen(PASSPHRASE)),
			 0);
	expect_key_of("header");
	assert_int_equal(key.data_offset_bytes, 2 * MIB);
	assert_int_equal(unlock_bytes(&request, "image", NULL, PASSPHRASE, strlen(PASSPHRASE)),
			 -EINVAL);
	/* A detached header is no image: its data would begin in it. */
	unlink("header");
	format("image", 4 * MIB, "--type luks2 --header header");
	assert_int_equal(unlock_luks("header", 16 * MIB, PASSPHRASE), -EINVAL);
	assert_non_null(strstr(reason, "detached"));
	unlink("header");
	format("image", 4 * MIB, "--type luks1 --header header");
	assert_int_equal(unlock_bytes(&request, "image", "header", PASSPHRASE, strlen(PASSPHRASE)),
			 0);
	expect_key_of("header");
	assert_int_equal(key.data_offset_bytes, 0);
}

/* As a partition that begins where no page does, through direct I/O as well. */
static void test_window(void **state)
{
	struct unlock_request request = luks_request(63 * 512, 20 * MIB);
	struct passphrase *passphrase;
	int fd;

	need_cryptsetup();
	format("image", 20 * MIB, "--type luks2");
	assert_int_equal(program_run("dd if=image of=disk bs=512 seek=63 status=none"), 0);
	assert_int_equal(truncate("disk", 63 * 512 + 20 * MIB + 100), 0);
	assert_int_equal(unlock_with(&request, "disk", PASSPHRASE), 0);
	expect_key_of("image");
	fd = open("disk", O_RDONLY | O_DIRECT);
	if (fd < 0)
		skip();
	assert_int_equal(passphrase_new(&passphrase), 0);
	strcpy((char *)passphrase_bytes(passphrase), PASSPHRASE);
	passphrase_set_length(passphrase, strlen(PASSPHRASE));
	assert_int_equal(unlock(&request, fd, -1, passphrase, &key, reason), 0);
	expect_key_of("image");
	passphrase_free(passphrase);
	close(fd);
}

/* libcryptsetup repairs what it can: not here, not even when it may write to the file. */
static void test_damaged_primary(void **state)
{
	uint64_t size;
	unsigned char *before, *after;

	need_cryptsetup();
	format("image", 20 * MIB, "--type luks2");
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), 0);
	expect_key_of("image");
	for (int whole = 0; whole < 2; whole++) {
		struct volume_key good = key;

		spoil("image", whole ? 0 : 4096 + 20, whole ? 4096 : 4);
		before = file_read("image", &size);
		assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), 0);
		assert_memory_equal(&key, &good, sizeof(key));
		after = file_read("image", &size);
		assert_memory_equal(before, after, size);
		free(before);
		free(after);
	}
	spoil("image", 16384 + 4096 + 20, 4);
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), -EINVAL);
}

static void test_refused(void **state)
{
	need_cryptsetup();
	file_make("image", 20 * MIB);
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), -EINVAL);
	format("image", 20 * MIB, "--type luks1");
	spoil("image", 3000, 100); /* behind the header */
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), 0);
	assert_int_equal(unlock_luks("image", MIB, PASSPHRASE), -EINVAL);
	file_write("magic", "LUKS\xde\xad\0\1", 8);
	assert_int_equal(program_run("dd if=magic of=image conv=notrunc status=none"), 0);
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), -EOPNOTSUPP);
	assert_non_null(strstr(reason, "reencryption"));
	file_write("magic", "\xeb\x58\x90-FVE-FS-", 11);
	assert_int_equal(program_run("dd if=magic of=image conv=notrunc status=none"), 0);
	assert_int_equal(unlock_luks("image", 20 * MIB, PASSPHRASE), -EOPNOTSUPP);
	assert_non_null(strstr(reason, "BitLocker"));
}

/* The offsets fit, the sectors do not; a loop device cuts what is no sector of its own. */
static void test_rest(void **state)
{
	need_cryptsetup();
	format("image", 20 * MIB, "--type luks2 --sector-size 4096");
	assert_int_equal(unlock_luks("image", 20 * MIB - 512, PASSPHRASE), -EINVAL);
	format("image", 20 * MIB, "--type luks2 --sector-size 512");
	assert_int_equal(unlock_luks("image", 20 * MIB - 500, PASSPHRASE), 0);
	assert_int_equal(key.size_bytes, 4 * MIB - 512);
	assert_int_equal(unlock_luks("image", 16 * MIB, PASSPHRASE), -EINVAL);
}

static void test_inspect(void **state)
{
	struct unlock_request request = luks_request(0, 20 * MIB);
	int fd;

	need_cryptsetup();
	format("image", 20 * MIB, "--type luks2 --sector-size 1024");
	fd = open("image", O_RDONLY);
	assert_int_equal(unlock_inspect(&request, fd, -1, &key, reason), 0);
	assert_string_equal(key.type, "luks2");
	assert_string_equal(key.spec, "aes-xts-plain64");
	assert_int_equal(key.sector_size, 1024);
	assert_int_equal(key.key_bytes, 64);
	for (size_t i = 0; i < sizeof(key.key); i++)
		assert_int_equal(key.key[i], 0);
	close(fd);
}

static void *unlock_often(void *context)
{
	struct unlock_request request = luks_request(0, 4 * MIB);
	struct volume_key *mine = secret_new(sizeof(*mine));
	char why[UNLOCK_REASON_BYTES];
	int fd = open("image", O_RDONLY), done = 0;

	for (int i = 0; i < 10; i++)
		done += unlock(&request, fd, -1, context, mine, why) == 0 &&
			memcmp(mine->key, key.key, key.key_bytes) == 0;
	close(fd);
	secret_free(mine);
	return (void *)(intptr_t)done;
}

/* Several threads, one passphrase, and no descriptor left behind. */
static void test_threads(void **state)
{
	struct passphrase *passphrase;
	pthread_t threads[4];
	int first, last;

	need_cryptsetup();
	format("image", 4 * MIB, "--type luks1");
	assert_int_equal(unlock_luks("image", 4 * MIB, PASSPHRASE), 0);
	first = dup(0);
	close(first);
	assert_int_equal(passphrase_new(&passphrase), 0);
	strcpy((char *)passphrase_bytes(passphrase), PASSPHRASE);
	passphrase_set_length(passphrase, strlen(PASSPHRASE));
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, unlock_often, passphrase), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
		void *done;

		pthread_join(threads[i], &done);
		assert_int_equal((intptr_t)done, 10);
	}
	passphrase_free(passphrase);
	last = dup(0);
	close(last);
	assert_int_equal(first, last);
}

static void expect_killed(const char *script, int error, const char *said)
{
	const char *before = unlock_program;

	file_write("program", script, strlen(script));
	chmod("program", 0700);
	unlock_program = "./program";
	assert_int_equal(unlock_luks("image", 4 * MIB, PASSPHRASE), error);
	assert_non_null(strstr(reason, said));
	unlock_program = before;
}

static void test_child_dies(void **state)
{
	file_make("image", 4 * MIB);
	expect_killed("#!/bin/sh\nkill -KILL $$\n", -ENOMEM, "Argon2");
	expect_killed("#!/bin/sh\nkill -ABRT $$\n", -EIO, "signal 6");
	expect_killed("#!/bin/sh\nkill -INT $$\n", -EINTR, "interrupted");
	expect_killed("#!/bin/sh\nexit 0\n", -EIO, "start");
	unlock_program = "./missing";
	assert_int_equal(unlock_luks("image", 4 * MIB, PASSPHRASE), -ENOENT);
	unlock_program = PLATTERFS_PROGRAM;
}

/* cryptsetup's hashing of passphrases for plain, said again: round N begins with N times 'A'. */
static void hash_plain(const char *hash, const char *text, uint8_t *bytes, size_t length)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_bytes;

	for (unsigned round = 0; length > 0; round++) {
		char input[256];
		size_t piece;

		memset(input, 'A', round);
		strcpy(input + round, text);
		assert_int_equal(EVP_Digest(input, strlen(text) + round, digest, &digest_bytes,
					    EVP_get_digestbyname(hash), NULL),
				 1);
		piece = min_u64(digest_bytes, length);
		memcpy(bytes, digest, piece);
		bytes += piece;
		length -= piece;
	}
}

static void expect_plain(const char *hash, const char *plain_hash, size_t hashed, unsigned key_bits)
{
	struct unlock_request request = plain_request("aes-cbc-essiv:sha256", key_bits, hash);
	uint8_t expected[256] = {0};

	hash_plain(plain_hash, PASSPHRASE, expected, hashed);
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), 0);
	assert_int_equal(key.key_bytes, key_bits / 8);
	assert_memory_equal(key.key, expected, key_bits / 8);
	assert_string_equal(key.type, "plain");
}

/* What Python's hashlib says, so that not both of us are wrong. */
static void expect_known(void)
{
	static const uint8_t known[32] = {0x2a, 0xf9, 0xfe, 0xdf, 0x5b, 0x4a, 0x80, 0xf7,
					  0x28, 0xf4, 0xdb, 0x8c, 0x52, 0x02, 0x10, 0xc1,
					  0xaf, 0xa3, 0x4d, 0xd2, 0xb1, 0x01, 0x62, 0xe7,
					  0xf2, 0x1b, 0x0d, 0x85, 0x31, 0x20, 0x6b, 0x5e};
	struct unlock_request request = plain_request("aes-cbc-plain", 256, "ripemd160");

	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), 0);
	assert_memory_equal(key.key, known, sizeof(known));
}

static void test_plain_hash(void **state)
{
	struct unlock_request request = plain_request("aes-xts-plain64", 256, "sha256:40");

	file_make("image", MIB);
	expect_plain("ripemd160", "ripemd160", 32, 256);
	expect_plain("sha256", "sha256", 16, 128);
	expect_plain("sha256:16", "sha256", 16, 256);
	expect_plain("sha512", "sha512", 64, 512);
	expect_plain("sha1", "sha1", 64, 512);
	expect_known();
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), -EINVAL);
	strcpy(request.hash, "md4711");
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), -EINVAL);
	assert_non_null(strstr(reason, "md4711"));
	assert_int_equal(unlock_with(&request, "image", NULL), -ENOKEY);
}

static void test_plain_raw(void **state)
{
	struct unlock_request request = plain_request("aes-xts-plain64", 256, "");
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	unlock_program = "./missing"; /* it needs no child */
	request.offset_sectors = 8;
	request.skip_sectors = 5;
	request.iv_large_sectors = true;
	request.sector_size = 2048;
	file_make("image", MIB);
	assert_int_equal(unlock_bytes(&request, "image", NULL, bytes, 64), 0);
	assert_memory_equal(key.key, bytes, 32);
	assert_int_equal(key.data_offset_bytes, 4096);
	assert_int_equal(key.iv_offset_sectors, 5);
	assert_int_equal(key.sector_size, 2048);
	assert_true(key.iv_large_sectors);
	assert_int_equal(unlock_bytes(&request, "image", NULL, bytes, 31), -EINVAL);
	assert_string_equal(reason, "keyfile is shorter than the key: 31 of 32 bytes");
	strcpy(request.hash, "plain");
	assert_int_equal(unlock_bytes(&request, "image", NULL, bytes, 5), 0);
	assert_memory_equal(key.key, bytes, 5);
	for (size_t i = 5; i < 32; i++)
		assert_int_equal(key.key[i], 0);
	request.offset_sectors = MIB / 512;
	assert_int_equal(unlock_bytes(&request, "image", NULL, bytes, 64), -EINVAL);
	unlock_program = PLATTERFS_PROGRAM;
}

/* The keys, as cryptsetup's loopaesOpen would make them: SHA-256 of each line, first byte changed.
 */
static void test_loopaes(void **state)
{
	struct unlock_request request = plain_request("aes:64-cbc-lmk", 128, "");
	char text[65 * 32];
	uint8_t digest[32];
	size_t length = 0;

	file_make("image", MIB);
	for (unsigned i = 0; i < 65; i++)
		length += (size_t)sprintf(text + length, "line %02u of a keyfile\n", i);
	assert_int_equal(unlock_bytes(&request, "image", NULL, text, length), 0);
	assert_int_equal(key.key_bytes, 65 * 16);
	EVP_Digest(text + 42 * 21, 20, digest, NULL, EVP_sha256(), NULL);
	digest[0] ^= 0xf4;
	assert_memory_equal(key.key + 42 * 16, digest, 16);
	assert_int_equal(unlock_bytes(&request, "image", NULL, text, 64 * 21), 0);
	assert_int_equal(key.key_bytes, 64 * 16);
	digest[0] ^= 0xf4 ^ 0x55;
	assert_memory_equal(key.key + 42 * 16, digest, 16);
	strcpy(request.hash, "ripemd160"); /* nobody has asked for it */
	assert_int_equal(unlock_bytes(&request, "image", NULL, text, 64 * 21), 0);
	assert_memory_equal(key.key + 42 * 16, digest, 16);
	strcpy(request.hash, "sha512");
	assert_int_equal(unlock_bytes(&request, "image", NULL, text, 64 * 21), 0);
	assert_memory_not_equal(key.key + 42 * 16, digest, 16);
	*request.hash = 0;
	assert_int_equal(unlock_bytes(&request, "image", NULL, text, 63 * 21), -EINVAL);
	memset(text, 1, sizeof(text));
	assert_int_equal(unlock_bytes(&request, "image", NULL, text, 64 * 16), 0);
	assert_memory_equal(key.key, text, 64 * 16);
}

static void test_bad_plain(void **state)
{
	static const struct {
		const char *spec;
		unsigned key_bits, sector_size;
	} bad[] = {
		{"aes-xts-plain64", 0, 512},   {"aes-xts-plain64", 250, 512},
		{"aes-xts-plain64", 256, 513}, {"aes-xts-plain64", 256, 8192},
		{"aes-gcm-random", 256, 512},
	};

	file_make("image", MIB);
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		struct unlock_request request = plain_request(bad[i].spec, bad[i].key_bits, "");
		uint8_t bytes[64] = {0};

		request.sector_size = bad[i].sector_size;
		assert_true(unlock_bytes(&request, "image", NULL, bytes, 64) < 0);
	}
}

static void test_bitlocker(void **state)
{
	struct unlock_request request = {.type = UNLOCK_BITLK, .length_bytes = MIB};

	file_make("image", MIB);
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), -EOPNOTSUPP);
	assert_non_null(strstr(reason, "BitLocker"));
}

static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < length; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
	}
	return ~crc;
}

static void put(uint8_t *place, uint64_t value, int bytes)
{
	while (bytes-- > 0)
		*place++ = (uint8_t)(value >> (bytes * 8));
}

/* A TrueCrypt 7 header: salt, then this encrypted with what PBKDF2 makes of the passphrase. */
static void tcrypt_make(uint8_t header[512])
{
	static const uint8_t tweak[16];
	uint8_t derived[64];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int done;

	for (size_t i = 0; i < 64; i++)
		header[i] = pattern_byte(i);
	memcpy(header + 64, "TRUE", 4);
	put(header + 68, 5, 2);
	put(header + 70, 0x0700, 2);
	put(header + 100, MIB - 256 * KIB, 8); /* volume size */
	put(header + 108, 128 * KIB, 8);       /* where its data begin, */
	put(header + 116, MIB - 256 * KIB, 8); /* and how many */
	put(header + 128, 512, 4);
	for (size_t i = 256; i < 320; i++)
		header[i] = pattern_byte(i);
	put(header + 72, crc32_of(header + 256, 256), 4);
	put(header + 252, crc32_of(header + 64, 188), 4);
	PKCS5_PBKDF2_HMAC(PASSPHRASE, (int)strlen(PASSPHRASE), header, 64, 2000,
			  EVP_get_digestbyname("ripemd160"), sizeof(derived), derived);
	EVP_EncryptInit_ex(context, EVP_aes_256_xts(), NULL, derived, tweak);
	assert_int_equal(EVP_EncryptUpdate(context, header + 64, &done, header + 64, 448), 1);
	EVP_CIPHER_CTX_free(context);
}

static void test_tcrypt(void **state)
{
	struct unlock_request request = {.type = UNLOCK_TCRYPT, .length_bytes = MIB};
	uint8_t header[512] = {0};

	tcrypt_make(header);
	file_make("image", MIB);
	file_write("header", header, sizeof(header));
	assert_int_equal(program_run("dd if=header of=image conv=notrunc status=none"), 0);
	assert_int_equal(unlock_with(&request, "image", PASSPHRASE), 0);
	assert_string_equal(key.type, "tcrypt");
	assert_string_equal(key.spec, "aes-xts-plain64");
	assert_int_equal(key.key_bytes, 64);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(key.key[i], pattern_byte(256 + i));
	assert_int_equal(key.data_offset_bytes, 128 * KIB);
	assert_int_equal(key.iv_offset_sectors, 256);
	assert_int_equal(key.size_bytes, MIB - 256 * KIB);
}

/* Where the kernel has no AF_ALG, libcryptsetup cannot try all ciphers. */
static void test_not_tcrypt(void **state)
{
	struct unlock_request request = {.type = UNLOCK_TCRYPT, .length_bytes = MIB};
	int r;

	file_make("image", MIB);
	file_write_pattern("image", 0, MIB);
	r = unlock_with(&request, "image", PASSPHRASE);
	assert_true(r == -EPERM || r == -EOPNOTSUPP);
	assert_non_null(strstr(reason, "TrueCrypt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_luks2),
		SCRATCH_TEST(test_luks1),
		SCRATCH_TEST(test_argon2),
		SCRATCH_TEST(test_wrong_passphrase),
		SCRATCH_TEST(test_detached_header),
		SCRATCH_TEST(test_window),
		SCRATCH_TEST(test_damaged_primary),
		SCRATCH_TEST(test_refused),
		SCRATCH_TEST(test_rest),
		SCRATCH_TEST(test_inspect),
		SCRATCH_TEST(test_threads),
		SCRATCH_TEST(test_child_dies),
		SCRATCH_TEST(test_plain_hash),
		SCRATCH_TEST(test_plain_raw),
		SCRATCH_TEST(test_loopaes),
		SCRATCH_TEST(test_bad_plain),
		SCRATCH_TEST(test_bitlocker),
		SCRATCH_TEST(test_tcrypt),
		SCRATCH_TEST(test_not_tcrypt),
	};

	secret_init(NULL);
	unlock_program = PLATTERFS_PROGRAM;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
