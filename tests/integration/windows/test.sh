#!/bin/bash
# SPDX-License-Identifier: MIT
# With start= and length= a volume is a part of its image, to the byte; nothing outside of it can be
# read or changed, however unaligned the window is.
. "$(dirname "$0")/../lib.sh"

SIZE=$((4 * 1048576 + 777))

check_window() { # START LENGTH [OPTIONS]
    local start=$1 length=$2 seed=$((++round))
    step "${3:-start=$1,length=$2}, $mode"
    volumes_mount "$mode,${3:-start=$1,length=$2}" "$image" "$SCRATCH/v"
    expect_equal "size" "$(stat -c %s v/a.img)" "$length"
    cmp <(bytes read v/a.img 0 "$length") <(bytes read "$image" "$start" "$length") || fail "other bytes"
    random_io.py v/a.img "$image" 150 $seed "$start" "$length"
    cp "$image" before
    scatter --depth=8 --min=1 --max=5000 v/a.img 0 "$length" $seed
    expect_errno ENOSPC bytes write v/a.img "$length" 1 1
    cmp <(bytes read "$image" "$start" "$length") <(bytes pattern $seed 0 "$length") || fail "the window"
    cmp <(bytes read "$image" 0 "$start") <(head -c "$start" before) || fail "before the window"
    cmp <(bytes read "$image" $((start + length)) $((SIZE - start - length))) \
        <(tail -c $((SIZE - start - length)) before) || fail "after the window"
    volumes_unmount "$SCRATCH/v"
}

disk_mount images ext4 64M
image=$folder/a.img
image_mapped "$image" $SIZE
round=0
for mode in "${MODES[@]}"; do
    check_window 1048576 2097152
    check_window 1000 100000
    check_window 4097 1
    check_window 1 $((SIZE - 2))
    check_window $((SIZE - 1777)) 1000
    check_window 1048576 $((SIZE - 1048576)) start=1M
    check_window 0 65536 length=64K
done
step "outside the image"
for options in start=100M start=1M,length=100M start=$SIZE,length=1; do
    if platterfs mount -o "$options" "$image" "$SCRATCH/v" 2>error; then
        not bytes open v/a.img r 2>error || fail "opened with $options"
        volumes_unmount "$SCRATCH/v"
    else
        expect_equal "lines" "$(wc -l <error)" 1
        grep -q '^platterfs: ' error || fail "refused with: $(cat error)"
    fi
done
