#!/bin/bash
# SPDX-License-Identifier: MIT
# On a mapped image, fsync and fdatasync reach the disk as exactly one flush and no write besides;
# O_SYNC, O_DSYNC and RWF_DSYNC writes are flushed before they are replied to.
. "$(dirname "$0")/../lib.sh"

COUNT=50

# scatter prints what the disk saw between open and close. Sectors, because the disk counts each flush
# as a write of no sectors too.
expect_counts() { # WANTED SCATTER-OPTION...
    local got
    seed=$((seed + 1))
    got=$(scatter --stat="$(disk_stat "$disk")" "${@:2}" v/a.img 0 $((COUNT * 4096)) $seed)
    expect_equal "what the disk saw of '${*:2}'" "$got" "$1"
    bytes check "$folder/a.img" 0 $((COUNT * 4096)) $seed
}

seed=0
for kind in ext4 xfs; do
    disk_mount "$kind" $kind 512M
    image_mapped "$folder/a.img" 1M
    sync -f "$folder"
    for mode in "${MODES[@]}"; do
        step "$kind, $mode"
        volumes_mount "$mode" "$folder" "$SCRATCH/v"
        exec 9<>v/a.img # stays open: closing is not what is measured
        expect_counts "sectors $((COUNT * 8)) flushes 0"
        expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --sync=fdatasync --every=1
        expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --sync=fsync --every=1
        expect_counts "sectors $((COUNT * 8)) flushes 5" --sync=fsync --every=10 --depth=4 --direct
        expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --dsync
        expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --odsync
        expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --osync
        exec 9>&-
        volumes_unmount "$SCRATCH/v"
    done
done
