#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes and flushes a volume, as often as it can, until a file appears; the first error ends it."""
import mmap
import os
import sys

fd = os.open(sys.argv[1], os.O_RDWR)
block = mmap.mmap(-1, 4096)
count = 0
while not os.path.exists(sys.argv[2]):
    for _ in range(100):
        os.pwrite(fd, block, 4096 * (count % 1000))
        os.fdatasync(fd)
        count += 1
print(f"{count} flushes")
