#!/bin/bash
# SPDX-License-Identifier: MIT
# fio's own verification, random sizes of 512 bytes to 1 MiB at depth 32, on a volume and on a
# direct-I/O loop device above it; what fio found good is what the image holds.
. "$(dirname "$0")/../lib.sh"

SIZE=64M

fio_run() { # FILE IOENGINE
    seed=$((seed + 1))
    fio --name=verify --filename="$1" --size=$SIZE --direct=1 --ioengine="$2" --iodepth=32 \
        --rw=randrw --bsrange=512-1M --verify=crc32c --verify_fatal=1 --verify_backlog=64 \
        --randseed=$seed --output-format=terse >fio.log 2>&1 || fail "fio"
}

disk_mount images ext4 128M
image_mapped "$folder/a.img" $SIZE
seed=0
for mode in "${MODES[@]}"; do
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    for ioengine in libaio io_uring; do
        step "volume, $mode, fio's $ioengine"
        fio_run v/a.img $ioengine
        expect_same_bytes v/a.img "$folder/a.img"
    done
    step "loop device, $mode"
    loop_new v/a.img --direct-io=on
    fio_run "$loop" libaio
    sum=$(bytes read "$loop" 0 $((64 * 1048576)) | sha256sum)
    loop_end "$loop"
    volumes_unmount "$SCRATCH/v"
    expect_equal "checksum of the image" "$(bytes read "$folder/a.img" 0 $((64 * 1048576)) | sha256sum)" "$sum"
done
