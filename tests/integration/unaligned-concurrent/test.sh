#!/bin/bash
# SPDX-License-Identifier: MIT
# Small unaligned writes to neighbouring bytes of the same blocks, many in flight at once, lose
# nothing: the read-modify-write of one never undoes another, whatever the disk's sector size.
. "$(dirname "$0")/../lib.sh"

# API, its options: FUSE lets a descriptor opened with O_DIRECT have many writes in flight.
WAYS=("threads" "threads --direct" "uring --direct" "aio --direct")
SMALL=$((256 * 1024))

check_way() { # API [--direct]
    local options=(--api="$1" "${@:2}" --depth=16) seed=$((++round))
    scatter "${options[@]}" --min=1 --max=700 --random=$round v/a.img 777 $SMALL $seed
    bytes check "$folder/a.img" 777 $SMALL $seed
    bytes check "$folder/a.img" $((777 + SMALL)) 5000 0
    scatter "${options[@]}" --min=512 --max=512 --align=512 --random=$round v/a.img 1048576 $SMALL $seed
    bytes check "$folder/a.img" 1048576 $SMALL $seed
    scatter "${options[@]}" --min=3000 --max=70000 --random=$round v/a.img 2097153 4000000 $seed
    bytes check "$folder/a.img" 2097153 4000000 $seed
    bytes check "$folder/a.img" 6097153 5000 0
    bytes check "$folder/a.img" 0 777 0
}

# Two writers, the same bytes: each byte is one's or the other's, none a third.
check_overlap() {
    local other
    scatter --api=threads --depth=8 --min=1 --max=2000 v/a.img 6500001 300000 901 &
    other=$!
    scatter --api=threads --depth=8 --min=1 --max=2000 --random=2 v/a.img 6500001 300000 902
    wait $other
    bytes check "$folder/a.img" 6500001 300000 901 902
    bytes check "$folder/a.img" 6497153 2848 0
    bytes check "$folder/a.img" 6800001 5000 0
}

for sector in 512 4096; do
    disk_mount "images$sector" ext4 64M --sector-size "$sector"
    for mode in "${MODES[@]}"; do
        round=0
        image_mapped "$folder/a.img" 8M
        volumes_mount "$mode" "$folder" "$SCRATCH/v"
        for way in "${WAYS[@]}"; do
            step "disk of $sector-byte sectors, $mode, $way"
            # shellcheck disable=SC2086
            check_way $way
        done
        check_overlap
        volumes_unmount "$SCRATCH/v"
        rm "$folder/a.img"
    done
done
