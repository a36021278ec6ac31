/* SPDX-License-Identifier: MIT */
/* Numbers in bytes that need not be aligned. */
#ifndef UTIL_LITTLE_ENDIAN_H
#define UTIL_LITTLE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t le16_load(const void *bytes)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof(number));
	return le16toh(number);
}

static inline uint32_t le32_load(const void *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return le32toh(number);
}

static inline uint64_t le64_load(const void *bytes)
{
	uint64_t number;

	memcpy(&number, bytes, sizeof(number));
	return le64toh(number);
}

static inline void le64_store(void *bytes, uint64_t number)
{
	number = htole64(number);
	memcpy(bytes, &number, sizeof(number));
}

#endif
