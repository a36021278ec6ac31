#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a SIF file: global header, table of 48 descriptors, a definition file, an encrypted partition.

    sif.py IMAGE PARTITION

The format is Sylabs' (SIF version 01), little-endian and packed. Prints the partition's offset and
length.
"""
import struct
import sys
import uuid

DESCRIPTORS_AT, DESCRIPTORS, DATA_AT = 4096, 48, 32768
DEFINITION, PARTITION = 0x4001, 0x4004
ENCRYPTED_SQUASHFS, PRIMARY_SYSTEM = 5, 2
ARCHITECTURE = b"02\0"  # amd64
TIME = 1700000000
HEADER = struct.Struct("<32s10s3s3s16s8q")
DESCRIPTOR = struct.Struct("<i?3I7q128s384s")


def descriptor(kind, number, at, size, padded, name, extra=b""):
    return DESCRIPTOR.pack(kind, True, number, 0xf0000001, 0, at, size, padded, TIME, TIME, 0, 0,
                           name, extra)


def main():
    image, partition = sys.argv[1:]
    definition = b"bootstrap: scratch\n"
    data = open(partition, "rb").read()
    # Partitions begin on a page.
    at = (DATA_AT + len(definition) + 4095) // 4096 * 4096
    end = DATA_AT + len(definition)
    table = [descriptor(DEFINITION, 1, DATA_AT, len(definition), len(definition), b"image.def"),
             descriptor(PARTITION, 2, at, len(data), at - end + len(data), b"rootfs",
                        struct.pack("<ii3s", ENCRYPTED_SQUASHFS, PRIMARY_SYSTEM, ARCHITECTURE))]
    assert HEADER.size == 128 and DESCRIPTOR.size == 585
    header = HEADER.pack(b"#!/usr/bin/env run-singularity\n", b"SIF_MAGIC", b"01", ARCHITECTURE,
                         uuid.uuid4().bytes, TIME, TIME, DESCRIPTORS - len(table), DESCRIPTORS,
                         DESCRIPTORS_AT, DESCRIPTORS * DESCRIPTOR.size, DATA_AT,
                         at + len(data) - DATA_AT)
    with open(image, "wb") as file:
        for position, content in ((0, header), (DESCRIPTORS_AT, b"".join(table)),
                                  (DATA_AT, definition), (at, data)):
            file.seek(position)
            file.write(content)
        # Whatever comes behind the partition, a signature for example, is none of the volume's.
        file.write(b"behind" * 1000)
    print(at, len(data))


if __name__ == "__main__":
    main()
