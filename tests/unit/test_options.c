// SPDX-License-Identifier: MIT
#include "scratch.h"

#include <errno.h>
#include <string.h>

#include "data/engine.h"
#include "mount/options.h"
#include "util/macros.h"

static void expect_refused(const char *list, const char *names)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;

	options_init(&options);
	assert_int_equal(options_parse(&options, list, &error), -EINVAL);
	assert_non_null(error);
	assert_non_null(strstr(error, names));
	options_destroy(&options);
}

static void test_ours(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;

	options_init(&options);
	assert_int_equal(
		options_parse(&options,
			      "engine=threads,lanes=3,depth=5,discard=punch,require=mapped,"
			      "start=1M,length=4096,type=raw",
			      &error),
		0);
	assert_ptr_equal(options.engine, &engine_threads);
	assert_int_equal(options.lanes, 3);
	assert_int_equal(options.depth, 5);
	assert_int_equal(options.image.volume.discard, DISCARD_PUNCH);
	assert_true(options.image.volume.require_mapped);
	assert_int_equal(options.image.volume.start_bytes, 1 << 20);
	assert_int_equal(options.image.volume.length_bytes, 4096);
	assert_int_equal(options.image.kind, KIND_RAW);
	assert_null(options.fuse);
	options_destroy(&options);
}

static void test_others_are_passed_on(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;

	options_init(&options);
	assert_int_equal(options_parse(&options, "allow_other,nosuid,engine=auto", &error), 0);
	assert_int_equal(options_parse(&options, "ro", &error), 0);
	assert_true(options.image.volume.read_only);
	assert_non_null(strstr(options.fuse, "allow_other"));
	assert_non_null(strstr(options.fuse, "nosuid"));
	assert_null(strstr(options.fuse, "engine"));
	options_destroy(&options);
}

static void test_fstab_words_are_dropped(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;

	options_init(&options);
	assert_int_equal(options_parse(&options,
				       "defaults,rw,noauto,nofail,_netdev,x-systemd.requires=/srv,"
				       "comment=mine,,",
				       &error),
			 0);
	assert_null(options.fuse);
	options_destroy(&options);
}

static void test_refused(void **state)
{
	expect_refused("nonsense", "nonsense");
	expect_refused("ro,engine=steam", "engine=steam");
	expect_refused("engine", "engine");
	expect_refused("lanes=0", "lanes=0");
	expect_refused("lanes=-1", "lanes=-1");
	expect_refused("depth=99999999", "depth=99999999");
	expect_refused("start=1.5", "start=1.5");
	expect_refused("length=0", "length=0");
	expect_refused("discard=maybe", "discard=maybe");
	expect_refused("allow_other=1", "allow_other=1");
	expect_refused("fsname=x", "fsname=x");
	expect_refused("fd=3", "fd=3");
	/* A name is not a name because it begins like one. */
	expect_refused("lane=1", "lane=1");
	expect_refused("lanesx=1", "lanesx=1");
	expect_refused("type=floppy", "type=floppy");
	expect_refused("key-size=255", "key-size=255");
	expect_refused("key-size=0", "key-size=0");
	expect_refused("key-size=99999999", "key-size=99999999");
	expect_refused("sector-size=256", "sector-size=256");
	expect_refused("sector-size=1000", "sector-size=1000");
	expect_refused("sector-size=8192", "sector-size=8192");
	expect_refused("iv-large-sectors=1", "iv-large-sectors=1");
	expect_refused("cipher=", "cipher=");
	expect_refused("cipher", "cipher");
	expect_refused("key-slot=32", "key-slot=32");
	expect_refused("keyfile-size=0", "keyfile-size=0");
	expect_refused("skip=-1", "skip=-1");
}

static void test_encrypted(void **state)
{
	_cleanup_free_ char *error = NULL;
	struct mount_options options;
	const struct unlock_request *unlock = &options.image.unlock;

	options_init(&options);
	assert_string_equal(unlock->spec, "aes-cbc-essiv:sha256");
	assert_int_equal(unlock->key_bits, 256);
	assert_int_equal(unlock->key_slot, UNLOCK_ANY_SLOT);
	assert_int_equal(options_parse(&options,
				       "type=plain,cipher=aes-xts-plain64,key-size=512,"
				       "hash=sha512,sector-size=4096,iv-large-sectors,offset=8,"
				       "skip=4294967304,keyfile=/etc/key,keyfile-offset=1K,"
				       "keyfile-size=64,expect=ext4,key-slot=3",
				       &error),
			 0);
	assert_int_equal(options.image.kind, KIND_PLAIN);
	assert_string_equal(unlock->spec, "aes-xts-plain64");
	assert_int_equal(unlock->key_bits, 512);
	assert_string_equal(unlock->hash, "sha512");
	assert_true(options.image.hash_given);
	assert_int_equal(unlock->sector_size, 4096);
	assert_true(unlock->iv_large_sectors);
	assert_int_equal(unlock->offset_sectors, 8);
	assert_int_equal(unlock->skip_sectors, 4294967304);
	assert_int_equal(unlock->key_slot, 3);
	assert_string_equal(options.image.keyfile, "/etc/key");
	assert_int_equal(options.image.keyfile_offset_bytes, 1024);
	assert_int_equal(options.image.keyfile_size_bytes, 64);
	assert_string_equal(options.image.expect, "ext4");
	assert_int_equal(options_check(&options, &error), 0);
	options_destroy(&options);
}

/* The comma in a cipher's name does not end the option. */
static void test_commas(void **state)
{
	static const char *const lists[] = {
		"type=plain,cipher=xchacha12,aes-adiantum-plain64,key-size=256,ro",
		"type=plain,cipher=xchacha12\\,aes-adiantum-plain64,key-size=256,ro",
		"type=plain,cipher=\"xchacha12,aes-adiantum-plain64\",key-size=256,ro",
	};
	static const char capi[] = "type=plain,cipher=capi:adiantum(xchacha12,aes)-plain64,ro";
	_cleanup_free_ char *error = NULL;
	struct mount_options options;

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
		options_init(&options);
		assert_int_equal(options_parse(&options, lists[i], &error), 0);
		assert_string_equal(options.image.unlock.spec, "xchacha12,aes-adiantum-plain64");
		assert_int_equal(options.image.unlock.key_bits, 256);
		assert_true(options.image.volume.read_only);
		options_destroy(&options);
	}
	options_init(&options);
	assert_int_equal(options_parse(&options, capi, &error), 0);
	assert_string_equal(options.image.unlock.spec, "capi:adiantum(xchacha12,aes)-plain64");
	assert_true(options.image.volume.read_only);
	options_destroy(&options);
	expect_refused("cipher=xchacha12,lanes", "lanes");
}

/* Whoever names a cipher wants encryption: the option must not be ignored on a raw image. */
static void test_plain_options_need_plain(void **state)
{
	static const char *const lists[] = {"cipher=aes-xts-plain64", "type=luks,key-size=256",
					    "type=raw,hash=sha256", "skip=8", "iv-large-sectors"};

	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++) {
		_cleanup_free_ char *error = NULL;
		struct mount_options options;

		options_init(&options);
		assert_int_equal(options_parse(&options, lists[i], &error), 0);
		assert_int_equal(options_check(&options, &error), -EINVAL);
		assert_non_null(strstr(error, "type=plain"));
		options_destroy(&options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ours),
		cmocka_unit_test(test_others_are_passed_on),
		cmocka_unit_test(test_fstab_words_are_dropped),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_plain_options_need_plain),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
