#!/bin/bash
# SPDX-License-Identifier: MIT
# Large requests, many in flight, each with bytes of its own: no buffer serves two at once.
. "$(dirname "$0")/../lib.sh"

SIZE=$((96 * 1024 * 1024))

check_way() { # API MIN MAX ALIGN
    local seed=$((++round))
    scatter --api="$1" --direct --depth=12 --min="$2" --max="$3" --align="$4" --random=$round \
        --sync=fsync --every=64 v/a.img 0 $SIZE $seed
    bytes check "$folder/a.img" 0 $SIZE $seed
    cmp <(bytes read v/a.img 0 $SIZE) <(bytes pattern $seed 0 $SIZE)
}

disk_mount images ext4 160M
image_mapped "$folder/a.img" $SIZE
for mode in "${MODES[@]}"; do
    round=0
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    step "more than 512 KiB each, $mode"
    check_way uring 524800 1048576 512
    check_way aio 524800 1048576 512
    step "more than 1 MiB each, $mode"
    check_way uring 1049088 4194304 512
    check_way threads 1048577 3000000 1
    volumes_unmount "$SCRATCH/v"
done
