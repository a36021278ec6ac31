#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random reads and writes of any offset and length on a volume, against a model in memory.

    random_io.py VOLUME IMAGE COUNT SEED [START LENGTH]

In the end the image, read past the page cache, must equal the model: within the window
[START, START + LENGTH) what was written through the volume, outside what was there before.
"""
import errno
import mmap
import os
import random
import sys

BLOCK = 4096


def read_directly(path):
    size = os.stat(path).st_size
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        fd = os.open(path, os.O_RDONLY)
    buffer = mmap.mmap(-1, 1 << 20)
    content = bytearray()
    while len(content) < size:
        count = os.preadv(fd, [buffer], len(content))
        if count == 0:
            break
        content += buffer[:count]
    os.close(fd)
    return content


class Volume:
    def __init__(self, path, model, rng):
        self.fd = os.open(path, os.O_RDWR)
        self.model = model
        self.rng = rng

    def check_read(self, offset, length):
        got = os.pread(self.fd, length, offset)
        wanted = bytes(self.model[offset:offset + length])
        if got != wanted:
            at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), len(got))
            sys.exit(f"read {length} at {offset}: {len(got)} of {len(wanted)} bytes, "
                     f"the first wrong one at {offset + at}")

    def write(self, offset, length):
        data = self.rng.randbytes(length)
        flags = self.rng.choice([0, 0, 0, os.RWF_DSYNC])
        count = os.pwritev(self.fd, [data], offset, flags)
        if count != length:
            sys.exit(f"write {length} at {offset}: {count}")
        self.model[offset:offset + length] = data

    def check_past_end(self, offset, length):
        if os.pread(self.fd, length, offset) != b"":
            sys.exit(f"read {length} at {offset}, past the end: not 0 bytes")
        try:
            count = os.pwrite(self.fd, b"x" * length, offset)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                sys.exit(f"write past the end: {errno.errorcode[error.errno]}")
        else:
            sys.exit(f"write {length} at {offset}, past the end: {count}")


def lengths(rng, size):
    return min(rng.choice([1, 3, 511, 512, 513, 1024, 4095, 4096, 4097, 8192, 65536, 100001]),
               rng.randint(1, size))


def main():
    path, image, count, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    rng = random.Random(seed)
    before = read_directly(image)
    start, length = map(int, sys.argv[5:7]) if len(sys.argv) > 5 else (0, len(before))
    volume = Volume(path, before[start:start + length], rng)
    for _ in range(count):
        size = lengths(rng, length)
        offset = rng.choice([0, length - size, rng.randint(0, length - size)])
        step = rng.random()
        if step < 0.5:
            volume.write(offset, size)
        elif step < 0.95:
            volume.check_read(offset, size + rng.choice([0, 0, 1, 4096]))
        else:
            volume.check_past_end(length + rng.choice([0, 1, 512, 4096]), size)
        if rng.random() < 0.02:
            os.fsync(volume.fd)
    os.fsync(volume.fd)
    after = read_directly(image)
    wanted = before[:start] + volume.model + before[start + length:]
    if len(after) != len(wanted):
        sys.exit(f"the image has {len(after)} bytes, expected {len(wanted)}")
    if after != wanted:
        at = next(i for i, (a, b) in enumerate(zip(after, wanted)) if a != b)
        sys.exit(f"the image's byte {at} is wrong")


if __name__ == "__main__":
    main()
