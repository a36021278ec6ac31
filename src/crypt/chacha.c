// SPDX-License-Identifier: MIT
/*
 * Eight states side by side: vector i holds word i of each, so that a round needs no shuffling.
 * What goes in and comes out lies in memory state by state, and is transposed on the way. Nothing
 * is wiped from the stack here: that would take as long as some rounds.
 */
#include "crypt/chacha.h"

#include <endian.h>
#include <string.h>

#include "crypt/clones.h"
#include "util/little_endian.h"

/* Inlined, so that it is compiled for the CPU that its caller is compiled for. */
#define INLINE static inline __attribute__((always_inline))

/* Words of a state (RFC 8439, 2.3); before the key comes "expand 32-byte k". */
enum {
	WORDS = 16,
	KEY_WORD = 4,
	COUNTER_WORD = 12,
	NONCE_WORD = 13,
	QUAD_BYTES = 16, /* four words: what is transposed at once */
};

typedef uint32_t lanes __attribute__((vector_size(4 * CHACHA_LANES)));

/* A little-endian vector from the CPU's order, and back. */
INLINE void lanes_swap(lanes *x)
{
	if (htole32(1) != 1)
		*x = *x << 24 | (*x & 0xff00) << 8 | (*x >> 8 & 0xff00) | *x >> 24;
}

INLINE void rotate(lanes *x, unsigned bits)
{
	*x = *x << bits | *x >> (32 - bits);
}

INLINE void quarter_round(lanes *a, lanes *b, lanes *c, lanes *d)
{
	*a += *b, *d ^= *a, rotate(d, 16);
	*c += *d, *b ^= *c, rotate(b, 12);
	*a += *b, *d ^= *a, rotate(d, 8);
	*c += *d, *b ^= *c, rotate(b, 7);
}

INLINE void permute(lanes *x, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i += 2) {
		quarter_round(x + 0, x + 4, x + 8, x + 12);
		quarter_round(x + 1, x + 5, x + 9, x + 13);
		quarter_round(x + 2, x + 6, x + 10, x + 14);
		quarter_round(x + 3, x + 7, x + 11, x + 15);

		quarter_round(x + 0, x + 5, x + 10, x + 15);
		quarter_round(x + 1, x + 6, x + 11, x + 12);
		quarter_round(x + 2, x + 7, x + 8, x + 13);
		quarter_round(x + 3, x + 4, x + 9, x + 14);
	}
}

/*
 * Four vectors as two squares of 4 x 4, left and right: of words of four lanes each it makes four
 * words of a lane each, and the other way round.
 */
INLINE void quad_transpose(lanes *x)
{
	lanes a = __builtin_shufflevector(x[0], x[1], 0, 8, 1, 9, 4, 12, 5, 13);
	lanes b = __builtin_shufflevector(x[0], x[1], 2, 10, 3, 11, 6, 14, 7, 15);
	lanes c = __builtin_shufflevector(x[2], x[3], 0, 8, 1, 9, 4, 12, 5, 13);
	lanes d = __builtin_shufflevector(x[2], x[3], 2, 10, 3, 11, 6, 14, 7, 15);

	x[0] = __builtin_shufflevector(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
	x[1] = __builtin_shufflevector(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
	x[2] = __builtin_shufflevector(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
	x[3] = __builtin_shufflevector(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
}

/* Four words of each lane, from or to `bytes` and every `stride` bytes after it. */
INLINE void quad_load(lanes *x, const uint8_t *bytes, size_t stride)
{
	for (size_t i = 0; i < 4; i++) {
		memcpy(&x[i], bytes + i * stride, QUAD_BYTES);
		memcpy((uint8_t *)&x[i] + QUAD_BYTES, bytes + (i + 4) * stride, QUAD_BYTES);
		lanes_swap(&x[i]);
	}
	quad_transpose(x);
}

INLINE void quad_store(lanes *x, uint8_t *bytes, size_t stride)
{
	quad_transpose(x);
	for (size_t i = 0; i < 4; i++) {
		lanes_swap(&x[i]);
		memcpy(bytes + i * stride, &x[i], QUAD_BYTES);
		memcpy(bytes + (i + 4) * stride, (uint8_t *)&x[i] + QUAD_BYTES, QUAD_BYTES);
	}
}

INLINE void start(lanes *x, const uint8_t *key)
{
	static const uint8_t constant[] = "expand 32-byte k";

	for (size_t i = 0; i < KEY_WORD; i++)
		x[i] = le32_load(constant + 4 * i) - (lanes){0};
	for (size_t i = 0; i < CHACHA_KEY_BYTES / 4; i++)
		x[KEY_WORD + i] = le32_load(key + 4 * i) - (lanes){0};
}

FOR_EACH_CPU
void chacha_stream(const uint8_t key[CHACHA_KEY_BYTES], unsigned rounds, uint32_t counter,
		   const uint8_t nonce[CHACHA_NONCE_BYTES], uint8_t ret_stream[CHACHA_STREAM_BYTES])
{
	lanes first[WORDS], x[WORDS];

	start(first, key);
	first[COUNTER_WORD] = counter + (lanes){0, 1, 2, 3, 4, 5, 6, 7};
	for (size_t i = 0; i < CHACHA_NONCE_BYTES / 4; i++)
		first[NONCE_WORD + i] = le32_load(nonce + 4 * i) - (lanes){0};
	memcpy(x, first, sizeof(x));
	permute(x, rounds);
	for (size_t i = 0; i < WORDS; i++)
		x[i] += first[i];
	for (size_t i = 0; i < WORDS; i += 4)
		quad_store(x + i, ret_stream + 4 * i, CHACHA_BLOCK_BYTES);
}

FOR_EACH_CPU
void chacha_subkeys(const uint8_t key[CHACHA_KEY_BYTES], unsigned rounds,
		    const uint8_t (*nonces)[HCHACHA_NONCE_BYTES],
		    uint8_t (*ret_keys)[CHACHA_KEY_BYTES])
{
	lanes x[WORDS];

	start(x, key);
	quad_load(x + COUNTER_WORD, nonces[0], HCHACHA_NONCE_BYTES);
	permute(x, rounds);
	quad_store(x, ret_keys[0], CHACHA_KEY_BYTES);
	quad_store(x + COUNTER_WORD, ret_keys[0] + QUAD_BYTES, CHACHA_KEY_BYTES);
}
