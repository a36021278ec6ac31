/* SPDX-License-Identifier: MIT */
/*
 * FUSE over io_uring, as Linux 6.14 defined it (include/uapi/linux/fuse.h, interface version 7.42):
 * what of it is used here, since Debian 12's headers are older.
 */
#ifndef DATA_FUSE_URING_ABI_H
#define DATA_FUSE_URING_ABI_H

#include <stdint.h>

/* Flag of INIT: bit 41, so bit 9 of flags2. */
#define FUSE_URING_INIT_FLAGS2 (1u << (41 - 32))

enum {
	FUSE_URING_HEADER_BYTES = 128,
	FUSE_URING_ARGUMENTS_BYTES = 128
};

/* What kernel and daemon say to each other of one request, beside its payload. */
struct fuse_uring_header {
	char in_out[FUSE_URING_HEADER_BYTES];   /* fuse_in_header, then fuse_out_header */
	char op_in[FUSE_URING_ARGUMENTS_BYTES]; /* fuse_read_in, ... */
	struct {
		uint64_t flags;
		uint64_t commit_id; /* to be given back with the reply */
		uint32_t payload_bytes;
		uint32_t padding;
		uint64_t reserved;
	} entry;
};

/* cmd_op of IORING_OP_URING_CMD. addr and len of REGISTER: an iovec of header and payload. */
enum {
	FUSE_URING_REGISTER = 1,
	FUSE_URING_COMMIT_AND_FETCH = 2
};

/* In the second half of an SQE of 128 bytes. */
struct fuse_uring_command {
	uint64_t flags;
	uint64_t commit_id;
	uint16_t queue; /* a CPU's number */
	uint8_t padding[6];
};

#endif
