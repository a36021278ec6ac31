#!/bin/bash
# SPDX-License-Identifier: MIT
# Holes read as zeros without any disk I/O, SEEK_HOLE and SEEK_DATA tell them as the image does,
# and what is written into one is there, with zeros around it.
. "$(dirname "$0")/../lib.sh"

MIB=1048576

image_make() {
    image_sparse "$folder/a.img" 64M
    bytes write "$folder/a.img" $((3 * MIB)) $MIB 1
    bytes write "$folder/a.img" $((20 * MIB)) 4096 2
    bytes write "$folder/a.img" $((63 * MIB)) $MIB 3
    fallocate -o $((40 * MIB)) -l $MIB "$folder/a.img"
    sync "$folder/a.img"
}

# Where data begins and ends, all the way through.
seek_map() { # FILE
    python3 -c '
import os, sys
fd, at = os.open(sys.argv[1], os.O_RDONLY), 0
try:
    while True:
        data = os.lseek(fd, at, os.SEEK_DATA)
        at = os.lseek(fd, data, os.SEEK_HOLE)
        print(data, at)
except OSError as error:
    print(error.strerror)' "$1"
}

check_reads() {
    local reads
    exec 9<v/a.img
    bytes check @9 0 4096 0 # the extent tree is in memory now
    reads=$(disk_reads "$disk")
    bytes check v/a.img $((4 * MIB)) $((16 * MIB)) 0
    bytes check v/a.img $((21 * MIB)) $((42 * MIB)) 0
    expect_equal "disk reads for reading holes" $(($(disk_reads "$disk") - reads)) 0
    bytes check v/a.img $((3 * MIB)) $MIB 1
    (($(disk_reads "$disk") > reads)) || fail "this test does not see disk reads"
    exec 9<&-
}

check_writes() {
    bytes write v/a.img $((10 * MIB + 1)) 1 4
    bytes write v/a.img $((11 * MIB + 4096)) 8192 5
    bytes write v/a.img $((40 * MIB + 700)) 10000 6
    bytes fsync v/a.img
    bytes check "$folder/a.img" $((10 * MIB + 1)) 1 4
    bytes check "$folder/a.img" $((4 * MIB)) $((6 * MIB + 1)) 0
    bytes check "$folder/a.img" $((10 * MIB + 2)) $((MIB + 4094)) 0
    bytes check "$folder/a.img" $((11 * MIB + 4096)) 8192 5
    bytes check "$folder/a.img" $((40 * MIB)) 700 0
    bytes check "$folder/a.img" $((40 * MIB + 700)) 10000 6
    bytes check "$folder/a.img" $((40 * MIB + 10700)) 10000 0
}

disk_mount images ext4 128M
for mode in "${MODES[@]}"; do
    step "$mode"
    image_make
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    check_reads
    expect_equal "data of the volume" "$(seek_map v/a.img)" "$(seek_map "$folder/a.img")"
    check_writes
    expect_equal "data of the volume" "$(seek_map v/a.img)" "$(seek_map "$folder/a.img")"
    (($(stat -c %b "$folder/a.img") * 512 < 8 * MIB)) || fail "the image is no longer sparse"
    volumes_unmount "$SCRATCH/v"
    rm "$folder/a.img"
done
