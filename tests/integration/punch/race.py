#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""race.py VOLUME ROUNDS: two threads write sector 1 of the first block while another writes, punches
and reads sector 2, which must then be zeros; so must a punch over many pages and two odd ends.
race.py --check IMAGE: what that must have left on the image."""
import ctypes
import os
import sys
import threading

SECTOR = 512
PUNCH = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
LONG = (10000, 70001)  # offset and length of the long punch
AROUND = (8192, 131072)

libc = ctypes.CDLL(None, use_errno=True)


def punch(fd, offset, length):
    if libc.fallocate(fd, PUNCH, ctypes.c_int64(offset), ctypes.c_int64(length)) < 0:
        raise OSError(ctypes.get_errno(), "fallocate")


def write_on(path, stop):
    fd = os.open(path, os.O_RDWR)
    while not stop.is_set():
        os.pwrite(fd, b"W" * SECTOR, SECTOR)
    os.close(fd)


def race(path, rounds):
    stop = threading.Event()
    writers = [threading.Thread(target=write_on, args=(path, stop)) for _ in range(2)]
    for writer in writers:
        writer.start()
    fd = os.open(path, os.O_RDWR)
    lost = 0
    for _ in range(rounds):
        os.pwrite(fd, b"P" * SECTOR, 2 * SECTOR)
        punch(fd, 2 * SECTOR, SECTOR)
        lost += os.pread(fd, SECTOR, 2 * SECTOR) != bytes(SECTOR)
    stop.set()
    for writer in writers:
        writer.join()
    offset, length = AROUND
    os.pwrite(fd, b"L" * length, offset)
    punch(fd, *LONG)
    os.fsync(fd)
    if lost:
        sys.exit(f"{lost} of {rounds} punches were undone")


def check(path):
    with open(path, "rb") as image:
        image.seek(SECTOR)
        if image.read(2 * SECTOR) != b"W" * SECTOR + bytes(SECTOR):
            sys.exit("the first block is not as it was left")
        offset, length = AROUND
        image.seek(offset)
        before, hole = LONG[0] - offset, LONG[1]
        if image.read(length) != b"L" * before + bytes(hole) + b"L" * (length - before - hole):
            sys.exit("the long punch took too much or too little")
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


if sys.argv[1] == "--check":
    check(sys.argv[2])
else:
    race(sys.argv[1], int(sys.argv[2]))
