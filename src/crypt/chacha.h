/* SPDX-License-Identifier: MIT */
/* ChaCha (RFC 8439) and HChaCha (draft-irtf-cfrg-xchacha-03) of any even number of rounds. */
#ifndef CRYPT_CHACHA_H
#define CRYPT_CHACHA_H

#include <stdint.h>

enum {
	CHACHA_KEY_BYTES = 32,
	CHACHA_NONCE_BYTES = 12,
	CHACHA_BLOCK_BYTES = 64,
	CHACHA_LANES = 8, /* blocks that are computed at once */
	CHACHA_STREAM_BYTES = CHACHA_LANES * CHACHA_BLOCK_BYTES,
	HCHACHA_NONCE_BYTES = 16,
};

/* The blocks of the key stream whose numbers are `counter` and the seven that follow. */
void chacha_stream(const uint8_t key[CHACHA_KEY_BYTES], unsigned rounds, uint32_t counter,
		   const uint8_t nonce[CHACHA_NONCE_BYTES],
		   uint8_t ret_stream[CHACHA_STREAM_BYTES]);

/* HChaCha: of one key and eight nonces, eight keys. */
void chacha_subkeys(const uint8_t key[CHACHA_KEY_BYTES], unsigned rounds,
		    const uint8_t (*nonces)[HCHACHA_NONCE_BYTES],
		    uint8_t (*ret_keys)[CHACHA_KEY_BYTES]);

#endif
