#!/bin/bash
# SPDX-License-Identifier: MIT
# A folder of 10,000 images mounts in less than 1 s, and lists; an image of a million extents opens in
# less than 1 s.
. "$(dirname "$0")/../lib.sh"

IMAGES=10000
EXTENTS=1000000
LIMIT_SECONDS=1

expect_within() { # WHAT COMMAND...
    local what=$1 begun=$EPOCHREALTIME seconds
    shift
    "$@"
    seconds=$(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.3f", b - a }')
    echo "   $what: $seconds s"
    awk -v s="$seconds" -v limit=$LIMIT_SECONDS 'BEGIN { exit !(s < limit) }' ||
        fail "$what took $seconds s, promised is less than $LIMIT_SECONDS s"
}

check_folder() {
    expect_within "mount of $IMAGES images, $mode" volumes_mount "$mode" many "$SCRATCH/v"
    expect_equal "volumes listed" "$(find v -type f -size 8 | wc -l)" $IMAGES
    bytes write v/image-$IMAGES 1 4000 1
    bytes check many/image-$IMAGES 1 4000 1
    expect_equal "volumes in the status" "$(status_field "$SCRATCH/v" '.volumes | length > 0')" true
    volumes_unmount "$SCRATCH/v"
}

check_extents() {
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    expect_within "open of an image of $EXTENTS extents, $mode" bytes open v/a.img rw
    bytes write v/a.img $((4096 * EXTENTS)) 4096 1
    bytes check "$folder/a.img" $((4096 * EXTENTS)) 4096 1
    volumes_unmount "$SCRATCH/v"
}

mkdir many
seq -f "many/image-%.0f" $IMAGES | xargs truncate -s 4096
for mode in "${MODES[@]}"; do
    check_folder
done
step "an image of $EXTENTS extents"
zram_mount images 10G
bytes stride "$folder/a.img" $EXTENTS 4096 8192
truncate -s $((8192 * EXTENTS)) "$folder/a.img"
count=$(filefrag -v "$folder/a.img" | grep -c '^ *[0-9]*: ')
((count > EXTENTS * 9 / 10)) || fail "the image has only $count extents"
for mode in "${MODES[@]}"; do
    check_extents
done
