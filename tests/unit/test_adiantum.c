// SPDX-License-Identifier: MIT
/*
 * Published vectors for Adiantum and for what it is made of; then every length, and that sectors
 * are the same however many are given at once. The vectors whose source is not an RFC are from
 * github.com/google/adiantum, test_vectors/ours.
 */
#include "scratch.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

#include "crypt/chacha.h"
#include "crypt/cipher.h"
#include "crypt/nh.h"
#include "crypt/poly1305.h"
#include "crypt/secret.h"
#include "util/macros.h"

enum {
	KEY_BYTES = 32,
	TWEAK_BYTES = 32,
	SECTOR_LIMIT_BYTES = 4096,
};

static const char *const algorithms[] = {"xchacha12,aes", "xchacha20,aes"};

static void expect(const uint8_t *bytes, const char *expected)
{
	uint8_t expected_bytes[SECTOR_LIMIT_BYTES];
	size_t length = unhex(expected, expected_bytes);

	assert_memory_equal(bytes, expected_bytes, length);
}

/* What repeats nowhere within a sector. */
static void fill(uint8_t *bytes, size_t length, uint32_t seed)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

#define KEY_FROM_0 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* RFC 8439, 2.3.2: block 1. */
static void test_chacha_block(void **state)
{
	uint8_t key[CHACHA_KEY_BYTES], nonce[CHACHA_NONCE_BYTES], stream[CHACHA_STREAM_BYTES];

	unhex(KEY_FROM_0, key);
	unhex("000000090000004a00000000", nonce);
	chacha_stream(key, 20, 1, nonce, stream);
	expect(stream, "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
		       "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e");
}

static void test_chacha_counter(void **state)
{
	uint8_t key[CHACHA_KEY_BYTES], nonce[CHACHA_NONCE_BYTES];
	uint8_t stream[CHACHA_STREAM_BYTES], later[CHACHA_STREAM_BYTES];

	fill(key, sizeof(key), 1);
	fill(nonce, sizeof(nonce), 2);
	chacha_stream(key, 12, 0xffff, nonce, stream);
	for (uint32_t i = 0; i < CHACHA_LANES; i++) {
		chacha_stream(key, 12, 0xffff + i, nonce, later);
		assert_memory_equal(later, stream + i * CHACHA_BLOCK_BYTES, CHACHA_BLOCK_BYTES);
	}
}

/* draft-irtf-cfrg-xchacha-03, 2.2.1: in each lane, among other nonces. */
static void test_hchacha(void **state)
{
	uint8_t nonces[CHACHA_LANES][HCHACHA_NONCE_BYTES], keys[CHACHA_LANES][CHACHA_KEY_BYTES];
	uint8_t key[CHACHA_KEY_BYTES];

	unhex(KEY_FROM_0, key);
	for (size_t i = 0; i < CHACHA_LANES; i++) {
		fill(nonces[0], sizeof(nonces), 3);
		unhex("000000090000004a0000000031415927", nonces[i]);
		chacha_subkeys(key, 20, nonces, keys);
		expect(keys[i], "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc");
	}
}

/* draft-irtf-cfrg-xchacha-03, A.3.2.1 */
static void test_xchacha(void **state)
{
	static const char text[] =
		"The dhole (pronounced \"dole\") is also known as the Asiatic wild dog, red dog, "
		"and "
		"whistling dog. It is about the size of a German shepherd but looks more like a "
		"long-legged fox. This highly elusive and skilled jumper is classified with "
		"wolves, "
		"coyotes, jackals, and foxes in the taxonomic family Canidae.";
	uint8_t nonces[CHACHA_LANES][HCHACHA_NONCE_BYTES] = {{0}};
	uint8_t keys[CHACHA_LANES][CHACHA_KEY_BYTES], key[CHACHA_KEY_BYTES];
	uint8_t nonce[CHACHA_NONCE_BYTES] = {0}, stream[CHACHA_STREAM_BYTES];

	unhex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key);
	unhex("404142434445464748494a4b4c4d4e4f", nonces[0]);
	unhex("5051525354555658", nonce + 4);
	chacha_subkeys(key, 20, nonces, keys);
	chacha_stream(keys[0], 20, 0, nonce, stream);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		stream[i] ^= (uint8_t)text[i];
	expect(stream,
	       "4559abba4e48c16102e8bb2c05e6947f50a786de162f9b0b7e592a9b53d0d4e98d8d6410d540a1a6"
	       "375b26d80dace4fab52384c731acbf16a5923c0c48d3575d4d0d2c673b666faa731061277701093a"
	       "6bf7a158a8864292a41c48e3a9b4c0daece0f8d98d0d7e05b37a307bbb66333164ec9e1b24ea0d6c"
	       "3ffddcec4f68e7443056193a03c810e11344ca06d8ed8a2bfb1e8d48cfa6bc0eb4e2464b74814240"
	       "7c9f431aee769960e15ba8b96890466ef2457599852385c661f752ce20f9da0c09ab6b19df74e76a"
	       "95967446f8d0fd415e7bee2a12a114c20eb5292ae7a349ae577820d5520a1f3fb62a17ce6a7e68fa"
	       "7c79111d8860920bc048ef43fe84486ccb87c25f0ae045f0cce1e7989a9aa220a28bdd4827e751a2"
	       "4a6d5c62d790a66393b93111c1a55dd7421a10184974c7c5");
}

/* RFC 8439, A.3, numbers 1 and 5 to 11: those of whole blocks. The `s` of 6 is added here. */
static void test_poly1305(void **state)
{
	static const struct {
		const char *r, *message, *tag;
		u128 s;
	} vectors[] = {
		{"00000000000000000000000000000000",
		 "0000000000000000000000000000000000000000000000000000000000000000"
		 "0000000000000000000000000000000000000000000000000000000000000000",
		 "00000000000000000000000000000000", 0},
		{"02000000000000000000000000000000", "ffffffffffffffffffffffffffffffff",
		 "03000000000000000000000000000000", 0},
		{"02000000000000000000000000000000", "02000000000000000000000000000000",
		 "03000000000000000000000000000000", ~(u128)0},
		{"01000000000000000000000000000000",
		 "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff"
		 "11000000000000000000000000000000",
		 "05000000000000000000000000000000", 0},
		{"01000000000000000000000000000000",
		 "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe"
		 "01010101010101010101010101010101",
		 "00000000000000000000000000000000", 0},
		{"02000000000000000000000000000000", "fdffffffffffffffffffffffffffffff",
		 "faffffffffffffffffffffffffffffff", 0},
		{"01000000000000000400000000000000",
		 "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
		 "0000000000000000000000000000000001000000000000000000000000000000",
		 "14000000000000005500000000000000", 0},
		{"01000000000000000400000000000000",
		 "e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000"
		 "00000000000000000000000000000000",
		 "13000000000000000000000000000000", 0},
	};

	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++) {
		struct poly1305_sum sum = {0};
		struct poly1305_key key;
		uint8_t bytes[64];
		size_t length;
		u128 tag;

		unhex(vectors[i].r, bytes);
		poly1305_set_key(&key, bytes);
		length = unhex(vectors[i].message, bytes);
		poly1305_add(&sum, &key, bytes, length / POLY1305_BLOCK_BYTES);
		tag = poly1305_result(&sum) + vectors[i].s;
		for (size_t j = 0; j < sizeof(tag); j++)
			bytes[j] = (uint8_t)(tag >> 8 * j);
		expect(bytes, vectors[i].tag);
	}
}

/* NHPoly1305.json, the first of 1040 bytes: more than NH takes at once. r, then NH's key. */
static const char nhpoly1305_key[] =
	"1b822e1b1723b96ddc9cda9907e35fd8d2f843808d867d801ad0cc13b911053f7ecf7e800ed825488baa6383"
	"92d072f54f677e501825a4d1e07e1ebad8a76edb1acc0dfe9f6d2235e1e6e0a87b9cb166a3f8ff4d908428bc"
	"dc19c79149fcf633c96e657f286f682edf1a75e9c20c96b93122c407c60a2ffd36065f5cc5b13af45e48a445"
	"2b88a7eea98b52cc99d92fb8a4580a13eb715afae55ebef264ad75bc0b5b34133b23139a69301e9ab803b88b"
	"3e46186d38d9b3d8bff1d028e65157805e99fbd0ce1e83f7e9075a63a9efcea5fb3f3717fc0b370ebb4b2162"
	"b7830ea99eb0c4ad47be35e751b2f2ac2b657b48e33f5fb609040c58ce99a9152f4ec1f22448c0d86cd37617"
	"835de6e3fd018ef742a5042930dff9004adc71221a3315b6d772fb9ab8eb2b38eaa861a890119d732e6cce81"
	"545a9fcdcfd5bd265d66dbfbdc1e7c10fe588210162401ce675551d1dd6b44a3208ea9a606a829776e00385b"
	"de4d58d81f34dff92cac3eadfb920d7239a4ac4410c043c4a4773bfcc40d37d30584da5371f880d33444db09"
	"b42b8ee30075509e4322000b7c70abd441f193cd252d8474b5f292cd0a28ea9a490296cb859e2f3303861ddc"
	"1d31d5fc9daac5e99ac457f535edf44b3d34c229138636425dbf90861377e5c362b4fe0b7039356502eaf6ce"
	"570cbb7429e3fd6090fd1038d54e86bd3770f097a6ab3b836452ca662ff9a4ca3a556bb0e83a34db9e48502f"
	"3beffd082d5fc1375dbe73e4d8e9acca8aaa487c5cf4a6965ffa70a6b78b50cba6f5a9bd7b754c220b19402e"
	"c93939328303a8a498e68e16b9de08c5fcbfad39a8c7936c6f23afc1abe1dfbb39ae93290e7d808d3e65f3fd"
	"96066590a128644b69f9a8842750fc87f7bf558e5613587b85b46a720f40f14f83811f76de15647a7a80e4c7"
	"5e630191d76bea0b9ba2993b6c88d8fd593c8d228656beaba137080150856929ee9fdf213e2020f5b0bb6bd0"
	"9c4138ec546f2dbd0fe1bdf12b6e605629e57a701ce2fc97826867d93d1ffbd8079fbf9674ba6a0e104820d8"
	"131eb544f2ccb18bfbbbecd737701f7c55d24bb9fd705ea39173635213475a06fb0167a5c0d0491956669a77"
	"64af8c259152870e18f35f97fd7113f805a539cc65d3cc635bdb5f7e5f6eadc4f4a0c5c22b4d97384fbcfa33"
	"17b447b94324158dd2ed806884db0480ca5e6a352c2ce7c5035f54b05e4f1d40543d789aacda80274d154c1a"
	"6e80c9c43b840ed92e93018cc3c8914bb3aa0704685b93a5e7c49de707eef53b4089cc60349db4061bef92e6"
	"c12a7d0f81aa56e3d7eda7d4a73a49c4ad815c83558e9154b77d65a50616d59a16c1b0a206d89847737e73a0"
	"b823b152bf68745d0bcbfa8c46e324e6abd4698d8cf28a59be4846508c9ae8e331550a06ed4ff8b74fe38517"
	"30bdd520e75bb232cf6b1644d2f57ed7d12fee643e9d10ef2735436467fb7a7be062319a4ddfa5abc020bb01"
	"e97b54f1deb279506c4b91db7fbb50c15544389ae09fe8296f15f84ea6eca060";
static const char nhpoly1305_message[] =
	"15689e2fad1552dff04262242a2deabfc7f3b41af5edb20815601c0077bf0b0eb72ccf323ac70177efa675d0"
	"29c76820b29225bf1234e9a4fd327b3f7cbda5023841dec9c109d9fc6e78228318f7508d8f9c2d02a530acff"
	"ea632e803783b058da2fef2155ba7bb1b6edf5d24daa8ca9dddb0fb4cec19ab1c1dcbdab86c2df0be12cf9be"
	"f6d8da6272dd980952c0c4b67b175cf5d84b88d66bbf844a3ff54dd294e29cffc73cd9c83738bc8cf3e7b7d0"
	"1d78c43907c85e79b65a905b6e97c9d4829cf3837ae797fc1dbbefdbcee082adca076c54626f81e67a5a966e"
	"803aa2376fc6a429c39e19949fb03e38fb3c2b7daab874da542351124b96368f914f193783c9ddc71a322dab"
	"c789e207476ce8a6706b8e0cda5c6a5927330ee1e120e8c8aedcd0e36da8a60641b4d4d4cf913e06b09af7f1"
	"aaa623921086f094d17c2e0730fbc5d8f312a9e8221c971aad96b0a1726a6bb4fdf7e8fae274d8658d35174b"
	"00235c8c70ad71a2cac56c59bfb4c06d86983e195a9092b166576a91687cbcf3f1db94f848f136d878ac1ca9"
	"ccd627ba915422f5e6053fccc28f2c3b2bc32b2b3bb8b629b72f94b67bfc943ed07a41597b1f9a09a6ed4a82"
	"9d341cbd4e1c3a6680740e9a4f55544716ba2a0a033599a35c638da2728b1715683973ebecf2e8f5953227d6"
	"c4feb051d50c50c5cd6d16b3a31e9569ad789506b946f26d245a9976736a91a6ac12e12879bc084e97009863"
	"071c4ed168f3b381a8a65ff101c9c1af3a96f99db55a5f8f7ec17e770a40c88efc0eede10db0e55e5e6ff57f"
	"ab337dcdf0094bb21137dc65973262713a2954b9c7a4bf750ff940a98dd78ba7e09abe15c6dad80014691aaf"
	"5f79c3f5bb6c2a9ddd3c5f9721e13a03846ae976111fd3d5f054204dc291c3a43625be1b2a06b7f3d1d05529"
	"814c83a3a6841e5cd1d06c90a411f0d7636a4805bc481853cdb08ddbdcfe55115c51b3abab633e315a8b9363"
	"34a9ba2b691ac0e3cb41bcd7f57f823e01a33c72f4fedfbeb167172b37600dca6fc3942cd2926d9d751877aa"
	"293896ed0e207092d5d0b400c031f2c9430e751d4b64f21ff2296c7b7fec597d8c0dd4d3ac534ca3de429295"
	"6da34fd0e63de7ec7a4d68f1fe6766098322b198438cabb845e66ddf5e5071cef54e40932bfa860ee830bd82"
	"cc1c9c5fadfd0831be52e7e6f206016225159974335152573f578761b97f293dcd925ea65c3bf1ed5feb82ed"
	"567b61e7fd02470e2a15a4ce43869be12b4c2ad94297f79ae5474648d3556f4dd9eb4bdd7b212fb3a83628df"
	"caf1f6d910f61cfd2e0c27e001b3ff6d47084dd40025ee554ae9e85bd8f75612d450b2e5516f346369d24e96"
	"4ebc79bf18aec613809277b0b40f29946f4cbb531136c39f428e968a91c8e9fcfebf7c2d6ff9b844891b0953"
	"0a2a92c3547a3af9e2e47587a05e4b037a0d8af45559942b63960ef5";

static void test_nhpoly1305(void **state)
{
	uint8_t key[POLY1305_KEY_BYTES + NH_KEY_BYTES], message[NH_MESSAGE_BYTES + NH_UNIT_BYTES];
	struct poly1305_sum sum = {0};
	struct poly1305_key poly1305;
	uint8_t hashes[2][NH_HASH_BYTES];
	struct nh nh;
	u128 result;

	assert_int_equal(unhex(nhpoly1305_key, key), sizeof(key));
	assert_int_equal(unhex(nhpoly1305_message, message), sizeof(message));
	poly1305_set_key(&poly1305, key);
	nh_set_key(&nh, key + POLY1305_KEY_BYTES);
	nh_hash(&nh, message, NH_MESSAGE_BYTES, hashes[0]);
	nh_hash(&nh, message + NH_MESSAGE_BYTES, NH_UNIT_BYTES, hashes[1]);
	poly1305_add(&sum, &poly1305, hashes[0], sizeof(hashes) / POLY1305_BLOCK_BYTES);
	result = poly1305_result(&sum);
	for (size_t i = 0; i < sizeof(result); i++)
		key[i] = (uint8_t)(result >> 8 * i);
	expect(key, "b5b908b3243e03f0d60b57bc0a6d8959");
}

static struct cipher *cipher_of(const char *algorithm, const uint8_t *key)
{
	struct cipher *cipher;
	const char *reason;

	assert_int_equal(
		cipher_adiantum_new(algorithm, CIPHER_ADIANTUM, key, KEY_BYTES, &cipher, &reason),
		0);
	assert_int_equal(cipher->iv_bytes, TWEAK_BYTES);
	return cipher;
}

/*
 * Adiantum_XChaCha{12,20}_32_AES256.json, the first of 128, 512 and 4096 bytes with a tweak of 32.
 * What they encrypt to, for each algorithm; of 4096 bytes its SHA-256.
 */
static const struct {
	const char *key, *tweak, *plain, *crypted[2];
} vectors[] = {
	{
		"a52824341a3cd8f705918fee851f357f803dfc9b94f6fc9e190900a904314f11",
		"a1ba4995ff346db8cd875d5efdea85db8a7b5eb25d57dd62aca98c41429475b7",
		"69b4e88c37e86782f1ec5d04e5149113dff2871b69811d71709e9c3bde497011a0a3db0d544f6669"
		"d7db80a7709268ce81042cc6abaee56015e96fefaa8fa7a7638ff2f077f1a8eae1b71f9eab9e4b3f"
		"07875b6fcda8afb9fa700b52b8a8a79e075fa60eb39b791379c33e8d1c2c68c8511d3c7b7d79772a"
		"5665c5542328b003",
		{
			"9e16abed4ba7425ac6fb4e76ffbe03a00fe3adbae4982b0e2148a0b865482748"
			"845454b29a947be64b29e9cf0591801a3af34196851d9f74515663fa7c288549"
			"f72ff9f21846f53380a33cceb25793f5aebda9f57b30c49366e0307716e4a031"
			"ba70bc6813f5b09ac1fc7efe55805c4874a6aaa3acdcc2f58dde34867860758d",
			"b18ba00577a84d591b8e21fc3a49fad4eb36f3c4dfdcae67073f700ee966f50c"
			"304d66c9a42f739c13c84944cc0a909d7cdd193fea728d58abe7092cecb544d2"
			"caa62d7a5c9c2b15ec2aa66991f9f313f772c1c140d5e194f429a13e2502a83e"
			"94c19114a114cbbe674cb938fea7aa3229620db2f63c5857c1d55abbd6a62ae5",
		},
	},
	{
		"d381721823ff6f4a2574290d518a0e13c1535d308dee750d14d669c915a90c60",
		"659bd4a87d291df4c4d69b6a28ab64e2628197c581aaf944c1725982af16c82c",
		"c76b526a10f0cc09c1121d6d21a678f505a3696091369857ba0c14ccf32d7303c6b25fc81627375d"
		"d00b87b250947b5804f4e07f6e578ec94184c1b17e4b91123a8b5d50827bcbd99ad94e1806239ed4"
		"a52098efb5dae5c08a6a837715841eae78949ddfb7d1ea67aab01415fa672184d3412aceba4b4ae8"
		"9562a955f080adbdabafdd4fa57c1336ed5e4f72ad4bf1d0884eec2c88105eea12c0160129a3a055"
		"aa68f3e99d3b0d3b6decf8a02df0908d1ce288d42471f9b3c19fc5d67670c52e9cacdb90bd8372ba"
		"6eb5a55383a9a5bf7d060e3c2ad204b51e19380916d2821f751856b8960ba6f9cf62d9325da9d71d"
		"ece4df1bbef136eee37bb52feef8533d6ab770a9fc9c5725f28910d3b8a88c30ae234f0e13664fe1"
		"b6c0e4f8ef93bd6e15856be360811d68d731878909abd5961df36d6780ca07315da7e4fb3ef29b33"
		"5218c830fe2dca1e79927a605cb65887a436a267928ba4b7f186dfdcc07e8f63d2a2dc78eb4fd896"
		"47cab891f9f794215f9a9f5bb840414b66696a72d0cb70b793b5379605374fe58ca75a4e8bb784ea"
		"c7fc196e1f5aa1ac187d523bb3346299e49e31043fc08d84177c25485267112767bb5a85ca56b25c"
		"e6ecd5963d15fcfb2225f413e5934b9a77f15218fa165e490345a808fab34192795033cad0d74255"
		"c39a0c4ed9a43c86809f53d1a42ed1bcf1546e93a465998edf29c0646307bbea",
		{
			"1597d08618039c51c51136621392e6732979dea1003e0864171abcd5fe330e0c"
			"7c94a7c63cbeaca289e6bcdf0c33274246732fba4ea6468fe4ee39634265a388"
			"7aad3323a9a7207f0be66ac360da9eb4d6078a7726d1ab449955035eed8d7bbd"
			"c821b721303fc0b5c8ec6c23a6a36df1300ad0a6a92869ae2ae654ac829d6a95"
			"6f0644c55a776eecf8f863b2e6aabd8e0e8a620003c884dd474ac355bab7e7df"
			"08bf62f5e8bcb611e4cbd0667432cfd4f8518039140512db8793e226309c3a21"
			"e5d038578015e4085805497de6927770fb1e2d6a8400c868f71addf07b381ed8"
			"2c787861cfe3de691fd503d51ab4cf03c87a706835b4f6be9062b2289986f544"
			"99eb31cfcadfd021d660f70f40b480b7abe19b45ba66daeedd04124098e169e5"
			"2b9c5980e77bcc63a6c03aa9fe8af9621134619435fef299fdee19ea95b612bf"
			"1bdf021acc3e7e6578741050296328ea6babd4064d152431c70ac916b648f0bf"
			"49db6871318f87e2130564d6220cf83684243e695eb89e16736c831ee09f9eba"
			"e55921331ba926c2c7d93073b6a6738219fa444d408b69049474ea6eb3094701"
			"2ab978344311edd68c95651b8567a540ac9c054b574aa9960fdd4fa1e0cf6ec7"
			"1beda2b4568c096ea665d75581b7ed119b4075a86b56af168b3df4cbfed51d3d"
			"85c2c0de43394a96ba8897c0d6000e2721b02152baa737aaccbf95a8f4d091f6",
			"e033f6e0b4a5dd2bddcefc121efc2df28bc7ebc1c42ae8440f3d97192e6da238"
			"9da6aae196b908e80b70485cedb59bcb8b40887e6973f71671bb5bfca3475da6"
			"ae3a64c4e7b8a8e7b13219dbe301b8f0a486b44cc2de5cd26c77d2e818b70ac9"
			"3d53b5c45cf08c06dc90e074471b0bf6d2716bc4f197002d6357441f8cf4e69b"
			"e07addec327342327f3567600dcf10526122538d8ebb337659d910cedfefc041"
			"d533296ada46a451f0993d9631ddb5cb3e2a1fc75c79d3c520a1b1391bc60a70"
			"26399507ad7ac969fe81c7880838afad9e8dfbe8240d22b80eedbe37537ca6c6"
			"7862eca359d9c69db80e6977842d6a4cc5d9b2a02ba880cce91e9c5ac4a1b237"
			"069b303267f7e7d242c7df4ed4cba01294a1348593504b0a3c7d492501416b96"
			"a912bb0bc0d7d0931f7038b821eef6a7eeebe781a413b487fac1b0b5378b74a2"
			"4ec7c2ad3d623ff83442e5ae451363fefc2a174661a9d31c4caff0096226661e"
			"74cfd6683d7dd8b7e7e6f8f00820f7471c52aa0f3e21a3f2bf2f9516a8c8c88c"
			"990f5dfbfa2b588a7ed6740260f0d05b65a8acea8d684634269d4fb19a8ec01a"
			"f1edc67a83fd8a57f2e6e4bafcc63cad5b19502f3acc064604513f9197f0d207"
			"e793897eb5320f03e5589e7472ebc238000c917269ed7d6dc871f0ecff80d91c"
			"9ed2fa15fc6c4ebcb1a6bdbd7040ca20b878d2a3c6f3799cc727e16a29ada403",
		},
	},
	{
		"60d536b08e5d0e5f70478cea87301d582ab2e8c6cb60e76f569583983880848a",
		"43fe633cdc9e0ca6ee9c0b9765c2561d5dd0bfa39f1efb78bf511b187327278c",
		"0b77d8a38ca6b22d3eddcc7c4a3e61c49a7f73b0b3293261132562cc594cf4dbd7f5f4ac7551b283"
		"649d1c8bd18b0c06f19fba9dae62d4d896be3c4c32e48244475aecb88a5bd535571e5c806f77a9b9"
		"f24f711e485186430dd55b523040cdbb2c25c1478bb713c23a1140fced45a4f0d6fd32991371472e"
		"4cb081ac9531d623a42fa9e85a62dc96cf49a71777768a8c0422afaf6dd916ba352166783db66583"
		"c6c1678c32d6c0c7f58afc47d587092f519d576c290b1c32476e47b5f381c882ca5de36138a0dccc"
		"3573fdb3925c72d22dadf6cd2036ff49488021d32f5fe9d891206bb138521ebc8848a1dec0a546ce"
		"9f3229bc2b510bae7a444eedeb9563999687c9340226de20e4cb590cb555bd553fa91525a75fab10"
		"be9a596cd527f3f0734ab3e4081100ebf1aec80defcdb5fc0d7e0367ad0decf19afd31603ea2fa1c"
		"93793131d6667abd85fd220800ae7210d6b0f4b84a725b9cbf84ddeb130528b76160fd7ff0be4d18"
		"7dc9bab001597418e4f6a6745d3fdca09e5793bf166cf6bd93453895b969e9622173bd8173ac1574"
		"9e68289138b7d447c7abc914ad52e04c171c42c1b49facccc812eaa99e302114a874b474ec8d4006"
		"82b792d7425bf2f96a1e756e4455c28d735bb88c3cef97de2443b30ebaad6363160a770348cf028d"
		"7683a3ba73be803f8f6e7624c1ff2db420069b67ea29b5e057da309d38a27d1e8fb9a81764eabe04"
		"84d1ce2bfd84f9261f26065c776dc59de63776607d3ef902baa6f37fd395b40e521c6a008f3a0bce"
		"3098b2632fff2d3b3a0665aff42cefbb88ff2d4ca9f4ff699d46ae67003b4094e97af70bb73ca22f"
		"c3de5e2901decafac6dad719c7de4a16936ab39b47e9d2fca1c3959c0ba02bd4d31ed72196f91ef4"
		"59f4df00f337727ed8fd49d4cd617b22995694ff96cd9bb276ca9f56ae042e75894e1b6052eb84f4"
		"d133d26c09b11c4308670201e36482ee36cdd070f193d563ef48c556db0a35fe8548b6979702431f"
		"7dc9a82e71900483e746bd9452e3c5d1ce6a2d6b869af531cd079ca2cd49f5ec013edfd5dc15129b"
		"0c99197b2e83fbd8893a1c1eb4dbeb23d942ae47fcda37e0d2b747d9e8b5f620428a9dafb94680fd"
		"d4746f3864f38bed819456e7f11a6417d4275909df9b7405796e13292b9e1b86739f40be6eff924e"
		"bfaaf4d0888b6f739d8bbfe58a854567d31372c62a633db1357cb438bb31e37737ad75a96f844e4f"
		"eb5b5d396ded0aad6c1b8e1f57fac77cbfcff2d1723b7078ee8ef34ffd61309f56051d7d949b5f8c"
		"a10febc3a99eb8a0c64e1eb1bc0a87a852a91e3d588ec6958558a3c33a4332506cb361e10c7d0263"
		"5f8bdfef13f866ea89001fbd5b4cd5678f8984332dd37094de7bd4b0eb079698c5c0bfc8cfdcc65c"
		"d37d78300e14a086d78ab753a3ec71bf85f2eabd77a6d1fd5a530cc3fff51d4637b72d885ceb7a0c"
		"0d39c64008901f58361235286412e7bb50ac45157b16235ed4112a8e1747e1d069c6d25c2c76e6bb"
		"f7e734618e0736c8cecf3beb0a55bd4e5995c9325b797a8603744b1087b360f621a4a6a89ac93a6f"
		"d813c918d4382bc2a57e6a090f06df539a44d9692d3961b71c367f9ec6449f42180b99e627a31ea6"
		"d0b99a2b6f6075bd524a91d47b8f959fdd74ed8b2000dd086e5b617b066a19841cf98665cd1c733f"
		"285c8a931af3a36c6ca97cea3cd415457fbce3bb42f02e10cd0c8b441a82830c58b12428a0112f63"
		"a582c59f8642f44d89db764ac37fc4b8dd0d14ded26202cb70b7eef46a09125ed1261a2c207131ef"
		"7d65576598ff8b029ab5a4a1af03c45033cf1b25fa7a79cc55e321630c6deb5b1cad610bbdb048db"
		"b3c8a0877f8bacfdd2689eb4113c6fb1fe257d845aaec931c3e56a6fbcab41d9decef9fad57c47d2"
		"6630c997f267df59ef4e11bc4e70e34653be166d33fb57984e34793bc73baf94c1874e47111b2241"
		"991261e0e08ca9bd79b6064d903b0d301a00aa0eed7c162f0d1afbf8ad514cab984c80b69203cba9"
		"999d16ab438c3f529653637ebbd276b76b77ab528033e3df4b3c231a33e14340391ae8bd3c6a7742"
		"889fc6aa6528f21eb07c8e104131e9d59dfd287ffb61d3395f7eb4fb9c7d98b7372f18d93b83af4e"
		"bbd5496946933a21461dad84b5e78cffbf817e22f6888c82f5defe18c9fb5807e468ff9cf4e02420"
		"90920149c238e17cac610b9636a477e929d497ae15137c6c2df1c5839702a82e0b0fafb542188a8c"
		"b82885281b2a12a54b0aafd27237662328e671a077857cfff38d2f0c3330cd7f616423b2e97905b8"
		"6147b12bdaf79a2494f6cf0778a280aa6ee95897190c5873afee2d6e2667188ac66df6bc65a9cbe7"
		"53f16197635238860edd33a530e99f324364bc2ddc2843d86ccd002c879a3379bd636d4df98a9183"
		"9adbf79a11e1d1934a540d513830840bc5298d92186c28fe1b0757ec94740b2c2101f623f9b0a0af"
		"b13e2ea80dbc2a6859de0b2dde7442a1b4ceafd842eb59bd61cc2728c6f2de3e686413d3c3c031e0"
		"5df9b4a10920468b48b927620012c50328fd55271c31fcdbc1cb7e67912e500c61f89f31265a3d2e"
		"a0c7ef2ab62448c9bb6399f47c4ec59499d5ff34938f3145ae5e7bfdf48184655b41700be5aaec95"
		"6b3de3dc1278f82826ec3a64c4ab74973dcf217dcf59d3154794e4d9484c024968502216962fc423"
		"804727d1ee103ba719aee1405f3ade5d971c59cee1e732a72089ef4422383c14993f1bd637fe93bf"
		"341386d79be52a377216a4df7fe4a4669df20b29a1e29d36e19d569573e191580f64f890bb0c480f"
		"f552aed9eb95b7ddae0b2055873df0693c0a5461ea00bdba5f7e258c3e61eeb21ac80e0ba51849f2"
		"6e1d3f83c3f11acb9fc9824e7b26fd6828258d2217abf84e1aa98148b09f5275e4efddbd5bbeab3c"
		"43762362ceb8c25bc631e681b442b2fdf374dd023ca0d797b0e7e9e0ceefe91c09a26dd3c460d6d6"
		"9e54314576c914d49517e9be699271cbde7cf1bd2bef8daf51e828ec487ff8fa9f9f5e5261c3fc9a"
		"7eebe330b6fec44a871aff5464c7aaa2fab7b2e725ce95b41593bd24b6bce462937f444072cbfbb2"
		"bfe803a5871227fdc6218a8fc24848b96bb6f0f00e0a0ea440a9d82324d07fe2f9ed76f091a5833c"
		"55e192b8b6329e63608175299ece2a70280c87e546737666bc4b6c37c7d01aa09dcf04d38c42ae9d"
		"355af1404c4e81aafed5834f2919f36c9ed053e5058f14fb68ec0a3a85cd3eb44ac25b922e0b5864"
		"deca648653db7f4e54c65eaae5823b985b01a71f7b3dcc19f111026409257c26eead50683126160f"
		"b67b6fa2171ababec360dcd244e0b4c4feff69db60a6af390abd6e41d19f8771cc43a84710bc2b7d"
		"40124331b812e0956f9df875513d61bea0d10b8d50c7b8e7ab03da41abc54e335a63949022725426"
		"9365994555d35556c539e4b4b1ead8f9b531f7eb801a9e8dd24001ea33b9f27a4341720cbf20abf7"
		"fa65ec3e35571eef2a81fa10b2db8efa7fe7af73fcbb57a2af6f411130d8af94538d4c23a52063cf"
		"0d00e0945e92aab5e04e963cf4262ff03fd7ed752c63dfc8fb20b5ae4483c0ab05f9bba7627d215b"
		"048093845f1d9ecda2077e222f5594237435a30f03be0762e916697eae380e9bad6e83902110b807"
		"dcc14420a58800dce18216f10cdced8c32b549ab1141d5d2352c7073ceebe3d6e47d2ce88cec8a92"
		"508751bd2d9df2f03c7db187f501b0ed025a204d4308714977729be6ef30c9a26666b8689ddfc616"
		"a578ee3c47a67a31076dce7b86f8b231a8a4773c6336e8d37d4056d848569e3e56f63dd2126e3529"
		"d47adbff974ceb3c282aebe943406106b8a86d18c8bcc723532b8bccce88dff8fff894e45ceecf39"
		"e0f61aaef2d5416a095a5066c4f466dc6a69eec847e687529e28e439020dc47e18e6c609070330b9"
		"d1b048e680e88ce6c72c33ca64e5c06eac144be1f6ebcee4c18cea5b8d3c8691d1d7169c099c6a51"
		"e5cde3b0331f03cde5d8409bdc29befa24ccf155683a890d0848fd9b474110ae533a8387d489e738"
		"47eed7bee25837d2fc211d20a52d690c365b2fcda1a6e4a1004df7c82dc7166c6dad328c8f74f9fa"
		"781c9a0f6e939c2043b9e4dac4c790478668b76f82594a30f1fd310fa1ea9b6b185c39b0c78064ff"
		"6d5bb48bba90ea4e9a04d2681850b591454f585ae5c67cab613e3dec1887fcea26354c998a3f007b"
		"f58962daddf143ef2c1d92fa9ad03703699cd81f4144b77354149112414154a29155b6f72341c9c2"
		"5b53f261630da9871abb111f3cbba81fe2665688063cd20f3bc4d68cbe549fa89c89fb8805efcde7"
		"c1c42136228d9a5d1b1e4ac089dd76165acecd1e6a1fa02b83f65e288e65b586728fc5f25481108d"
		"637b427d060816b3b060654149db0dc1e2ef727206e7605c951c7d52ec82eed35bab61a41f61640c"
		"2832217a81e781f3dbc018d9ae0b3c9a58ec704f40252bba9659ac344529c657c1c393607792bb83"
		"8aa772452ac935e766d6a9e9438720116a2f87ace09382e56c57a94c9e5657331cd87e2527418997"
		"eaa556025b931346dc533d95efaf9ff00a8afe0cbff0255fb49f1b729c37ba464ecccc025cec3f98"
		"ff561ac27a658ff6d281377a0afc79b9cb8cc81ad0ba5d55bc6d2eb22f75293f1a4ba8d7e8f6f42a"
		"a5a168ecf3d5dd0fad57ae9883d5924e76868e5e4b877bf72d793f126a2458c8ab9a6575826fa539"
		"72b0df93b5a2f3dd1f32fadbfe1bbf0ad995dd02f12354b1a5bb24045c2a9792e6e01061e346c70c"
		"cbbc519a3516d94262b35ea43c84a07fb87f70d18b03df2732063f12231922822d37a500319ba921"
		"8e348c8e4fe8d4636cb2a96ef67c96f10e64ab143d8f74b33579847806689730e02255d6c55b38b2"
		"75240c52b657cc0abd3cd07347d125d61cfd27053f70e1a7693beec99ffd2a7eab58e60b355e52f9"
		"ffac5b8288a765bc6129dca19442d1d3a0d8ba3b49c8a7ce016cb73fe3984dd19f460db3f2433349"
		"b727bdbacc3f0956fa6418b81728de0d29fa1fad603b90a7059f4cc4dc053b1758ea99fd6b8a9377"
		"a544bd8d29442989521d898b448fb968eb93fd92d914359c283a9f1dd8e02a7651c1f0a91db4f8b9"
		"fc14785aa2b1db94cb18b934bd0c651d64ded03ae4680ebc13a7478962a3031964a102273a8d43fa"
		"68ffda8b40e9198b56be1c9be6f63f60db7ad5ab82d8d999e35b0c0c69185ced03f9c161c47bd490"
		"43c339ecaccb1f4b23f8a9982ff648906c2b94ad14ddcca23dc7860f7f1c0b934b741f8075b491df"
		"a826f9062b3a2cfd3c31401e5ba68601c4a2804ff5a2f4fff6078c92f774bd42b03f6b05ca40eb04"
		"20a93778320360ccf3ecb22db5807ce4375325d1e8916ae5dfddb0ab69c7a1b2fcb3d19edaa80d68"
		"fe7ddc56336599d2eca5a0a126c9ecbd22205e0dcb93647a5675ede545a2bd1659f743d95b2cddb6"
		"1da805892f652e66fead93eb858fe84c004471030e26affdfa560fdc9cf32eab882661c613febac1"
		"d88a38c3b64e6d804c65932ff554ff63bedf9ae34fcac97112ab9566ec0964eadc9f01612488d1a7"
		"d06926f080b0ec86c2582f6ac5fdfc2af63e23773b7ec5c5e7f94dcc685311c85b44bd480fb3351a"
		"934a8016a30d5085a6c4d4744d875951d7f77deed09bd183252bc639276ab3415fd224d4d6fa8c3e"
		"b2f911717a9e5e7b5b9a4780ca1cbe045d34c4a22d41fe7353159fdbe77d8219211b672a747a214a"
		"c4966f009269f19950f14a1611f11651",
		{
			"dd3808854e7fdb3d8bdb2efa6b6e2ebf4c4f14425d5657d1d750e51eb8b663fd",
			"92b693e5e4d244377d5599d585f628eecb25c875937ad7c5ffd520dca3221fb0",
		},
	},
};

static void expect_crypted(const uint8_t *bytes, size_t length, const char *expected)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];

	if (strlen(expected) == 2 * length)
		expect(bytes, expected);
	else
		expect(SHA256(bytes, length, hash), expected);
}

static void expect_vector(size_t vector, size_t algorithm)
{
	uint8_t key[KEY_BYTES], tweak[TWEAK_BYTES];
	uint8_t plain[SECTOR_LIMIT_BYTES], bytes[SECTOR_LIMIT_BYTES];
	size_t length = unhex(vectors[vector].plain, plain);
	struct cipher *cipher;

	unhex(vectors[vector].key, key);
	unhex(vectors[vector].tweak, tweak);
	memcpy(bytes, plain, length);
	cipher = cipher_of(algorithms[algorithm], key);
	assert_int_equal(cipher_crypt(cipher, true, bytes, length, 1, tweak), 0);
	expect_crypted(bytes, length, vectors[vector].crypted[algorithm]);
	unhex(vectors[vector].tweak, tweak);
	assert_int_equal(cipher_crypt(cipher, false, bytes, length, 1, tweak), 0);
	assert_memory_equal(bytes, plain, length);
	cipher_free(cipher);
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(vectors); i++)
		for (size_t j = 0; j < ARRAY_LENGTH(algorithms); j++)
			expect_vector(i, j);
}

/* There and back, at an odd address, with nothing written beside it. */
static void expect_round_trip(struct cipher *cipher, size_t length)
{
	uint8_t bytes[1 + SECTOR_LIMIT_BYTES + 1], plain[SECTOR_LIMIT_BYTES];
	uint8_t *sector = bytes + 1;
	uint8_t tweak[TWEAK_BYTES];

	memset(bytes, 0xa5, sizeof(bytes));
	fill(plain, length, (uint32_t)length);
	memcpy(sector, plain, length);
	fill(tweak, sizeof(tweak), 4);
	assert_int_equal(cipher_crypt(cipher, true, sector, length, 1, tweak), 0);
	assert_memory_not_equal(sector, plain, CIPHER_BLOCK_BYTES);
	assert_memory_not_equal(sector + length - CIPHER_BLOCK_BYTES,
				plain + length - CIPHER_BLOCK_BYTES, CIPHER_BLOCK_BYTES);
	fill(tweak, sizeof(tweak), 4);
	assert_int_equal(cipher_crypt(cipher, false, sector, length, 1, tweak), 0);
	assert_memory_equal(sector, plain, length);
	assert_int_equal(bytes[0], 0xa5);
	assert_int_equal(sector[length], 0xa5);
}

static void test_lengths(void **state)
{
	uint8_t key[KEY_BYTES];

	fill(key, sizeof(key), 5);
	for (size_t i = 0; i < ARRAY_LENGTH(algorithms); i++) {
		struct cipher *cipher = cipher_of(algorithms[i], key);

		for (size_t length = 32; length <= SECTOR_LIMIT_BYTES; length += 16)
			expect_round_trip(cipher, length);
		cipher_free(cipher);
	}
}

/* More than two batches, each sector with its own tweak: at once, and one by one. */
static void test_sectors(void **state)
{
	enum {
		COUNT = 2 * CHACHA_LANES + 3,
		BYTES = 512
	};
	uint8_t key[KEY_BYTES], tweaks[COUNT][TWEAK_BYTES];
	uint8_t plain[COUNT][BYTES], together[COUNT][BYTES], single[COUNT][BYTES];
	struct cipher *cipher;

	fill(key, sizeof(key), 6);
	fill(plain[0], sizeof(plain), 7);
	memcpy(together, plain, sizeof(plain));
	memcpy(single, plain, sizeof(plain));
	cipher = cipher_of(algorithms[0], key);
	fill(tweaks[0], sizeof(tweaks), 8);
	assert_int_equal(cipher_crypt(cipher, true, together, BYTES, COUNT, tweaks[0]), 0);
	fill(tweaks[0], sizeof(tweaks), 8);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(cipher_crypt(cipher, true, single[i], BYTES, 1, tweaks[i]), 0);
	assert_memory_equal(together, single, sizeof(single));
	fill(tweaks[0], sizeof(tweaks), 8);
	assert_int_equal(cipher_crypt(cipher, false, together, BYTES, COUNT, tweaks[0]), 0);
	assert_memory_equal(together, plain, sizeof(plain));
	cipher_free(cipher);
}

static void test_refused(void **state)
{
	static const uint8_t key[2 * KEY_BYTES] = {0};
	struct cipher *cipher;
	const char *reason = NULL;

	assert_int_equal(cipher_adiantum_new("xchacha8,aes", CIPHER_ADIANTUM, key, KEY_BYTES,
					     &cipher, &reason),
			 -EOPNOTSUPP);
	assert_int_equal(
		cipher_adiantum_new("xchacha12,aes", CIPHER_XTS, key, KEY_BYTES, &cipher, &reason),
		-EOPNOTSUPP);
	assert_null(reason);
	assert_int_equal(cipher_adiantum_new("xchacha12,aes", CIPHER_ADIANTUM, key, sizeof(key),
					     &cipher, &reason),
			 -EINVAL);
	assert_non_null(reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chacha_block), cmocka_unit_test(test_chacha_counter),
		cmocka_unit_test(test_hchacha),      cmocka_unit_test(test_xchacha),
		cmocka_unit_test(test_poly1305),     cmocka_unit_test(test_nhpoly1305),
		cmocka_unit_test(test_vectors),      cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_sectors),      cmocka_unit_test(test_refused),
	};

	if (secret_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
