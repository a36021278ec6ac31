#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads of parts of a sector while other parts of it are written.

    neighbours.py VOLUME SECTOR-BYTES SECONDS

In each of some sectors one range stays as it is, and is read all the time; beside it others are
written, now with one byte, now with another. A read must find in the first what always was there,
and in the second nothing but one of the two bytes. In the end every byte is what was written last.
"""
import os
import sys
import threading
import time

SECTORS, STILL, OLD, NEW = 4, 0xee, 0x11, 0x22


class Neighbours:
    def __init__(self, path, sector, direct):
        self.path, self.sector, self.direct = path, sector, direct
        self.problems = []
        self.reads = self.writes = 0
        self.stop = False
        # Odd places, so that no boundary of 16 or 512 bytes lies between them.
        third = sector // 3 | 1
        self.still = (third, sector - 2 * third)
        self.moving = ((0, third), (sector - third, third))

    def open(self):
        return os.open(self.path, os.O_RDWR | (os.O_DIRECT if self.direct else 0))

    def write(self, fd, number, place, byte):
        at, length = place
        if os.pwrite(fd, bytes([byte]) * length, number * self.sector + at) != length:
            self.problems.append("a short write")
        self.writes += 1

    def writer(self, number, place):
        fd = self.open()
        while not self.stop:
            self.write(fd, number, place, NEW)
            self.write(fd, number, place, OLD)
        os.close(fd)

    def reader(self, number):
        fd = self.open()
        at, length = self.still
        while not self.stop:
            start = number * self.sector
            if os.pread(fd, length, start + at) != bytes([STILL]) * length:
                self.problems.append(f"sector {number}: what nobody writes was read as something else")
            for place, size in self.moving:
                strange = set(os.pread(fd, size, start + place)) - {OLD, NEW}
                if strange:
                    self.problems.append(f"sector {number}: read {sorted(strange)[:5]}, never written")
            self.reads += 3
        os.close(fd)

    def fill(self):
        fd = self.open()
        for number in range(SECTORS):
            self.write(fd, number, self.still, STILL)
            for place in self.moving:
                self.write(fd, number, place, OLD)
        os.close(fd)

    def run(self, seconds):
        self.fill()
        threads = [threading.Thread(target=self.writer, args=(number, place))
                   for number in range(SECTORS) for place in self.moving]
        threads += [threading.Thread(target=self.reader, args=(number,)) for number in range(SECTORS)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.problems:
            time.sleep(0.05)
        self.stop = True
        for thread in threads:
            thread.join()
        self.check_end()

    def check_end(self):
        wanted = bytearray([OLD] * self.sector)
        wanted[self.still[0]:sum(self.still)] = bytes([STILL]) * self.still[1]
        fd = self.open()
        for number in range(SECTORS):
            if os.pread(fd, self.sector, number * self.sector) != wanted:
                self.problems.append(f"sector {number}: not what was written last")
        os.close(fd)


def main():
    for direct in (False, True):
        neighbours = Neighbours(sys.argv[1], int(sys.argv[2]), direct)
        neighbours.run(float(sys.argv[3]) / 2)
        for problem in neighbours.problems[:5]:
            print(problem)
        if neighbours.problems:
            return 1
        if neighbours.reads < 50 or neighbours.writes < 50:
            print(f"only {neighbours.reads} reads and {neighbours.writes} writes")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
