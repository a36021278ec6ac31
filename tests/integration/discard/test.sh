#!/bin/bash
# SPDX-License-Identifier: MIT
# Discards do what discard= says, and nothing else: keep leaves the extents alone even under mkfs,
# zero writes zeros, punch punches. Zeroing (BLKZEROOUT) leaves written extents in every mode.
. "$(dirname "$0")/../lib.sh"

SIZE=$((32 * 1024 * 1024))

begin() { # DISCARD
    step "discard=$1, $mode"
    image_mapped "$folder/a.img" $SIZE
    extents "$folder/a.img" >before
    volumes_mount "$mode,discard=$1" "$folder" "$SCRATCH/v"
    bytes write v/a.img 0 $SIZE 1
}

end() {
    expect_equal "size of the image" "$(stat -c %s "$folder/a.img")" $SIZE
    volumes_unmount "$SCRATCH/v"
    rm "$folder/a.img"
}

expect_extents_kept() {
    sync "$folder/a.img"
    extents "$folder/a.img" | cmp - before || fail "the extents changed: $(extents "$folder/a.img")"
}

# Exactly these bytes, however unaligned.
expect_zeros_at() { # OFFSET LENGTH
    bytes check "$folder/a.img" "$1" "$2" 0
    bytes check "$folder/a.img" $(($1 - 4096)) 4096 1
    bytes check "$folder/a.img" $(($1 + $2)) 4096 1
}

check_zeroing() {
    fallocate -z -n -o 8388608 -l 1048576 v/a.img
    expect_zeros_at 8388608 1048576
    fallocate -z -n -o 10000001 -l 50001 v/a.img
    expect_zeros_at 10000001 50001
    loop_new v/a.img
    blkdiscard -z -o 12582912 -l 1048576 "$loop"
    loop_end "$loop"
    expect_zeros_at 12582912 1048576
}

check_other_modes() {
    not fallocate -c -o 0 -l 4096 v/a.img 2>/dev/null || fail "collapse succeeded"
    not fallocate -i -o 0 -l 4096 v/a.img 2>/dev/null || fail "insert succeeded"
    not fallocate -l $((SIZE + 4096)) v/a.img 2>/dev/null || fail "growing succeeded"
    not fallocate -z -o $SIZE -l 4096 v/a.img 2>/dev/null || fail "zeroing past the end succeeded"
    expect_equal "size of the volume" "$(stat -c %s v/a.img)" $SIZE
    bytes check "$folder/a.img" 0 4096 1
}

check_keep() {
    begin keep
    check_other_modes
    if fallocate -p -o 1048576 -l 1048576 v/a.img 2>error; then fail "punching succeeded"; fi
    grep -Eq "not supported|unsupported" error || fail "punching gave: $(cat error)"
    bytes check "$folder/a.img" 0 $SIZE 1
    expect_extents_kept
    check_zeroing
    expect_extents_kept
    loop_new v/a.img
    mkfs.ext4 -q -F "$loop"
    blkdiscard "$loop" 2>/dev/null || true
    loop_end "$loop"
    expect_extents_kept
    end
}

check_zero() {
    begin zero
    check_other_modes
    fallocate -p -o 1048576 -l 1048576 v/a.img
    expect_zeros_at 1048576 1048576
    fallocate -p -o 3000001 -l 50001 v/a.img
    expect_zeros_at 3000001 50001
    check_zeroing
    loop_new v/a.img
    blkdiscard -o 16777216 -l 8388608 "$loop"
    expect_zeros_at 16777216 8388608
    mkfs.ext4 -q -F "$loop"
    loop_end "$loop"
    expect_extents_kept
    end
}

check_punch() {
    local written
    begin punch
    check_other_modes
    check_zeroing
    expect_extents_kept
    fallocate -p -o 1048576 -l 1048576 v/a.img
    expect_zeros_at 1048576 1048576
    written=$(extents_written "$folder/a.img")
    expect_equal "bytes in extents" "$written" $((SIZE - 1048576))
    fallocate -p -o 3000001 -l 50001 v/a.img
    expect_zeros_at 3000001 50001
    loop_new v/a.img
    blkdiscard -o 16777216 -l 8388608 "$loop"
    loop_end "$loop"
    expect_zeros_at 16777216 8388608
    (($(extents_written "$folder/a.img") <= written - 8388608)) || fail "the loop's discard kept the blocks"
    end
}

disk_mount images ext4 64M
for mode in "${MODES[@]}"; do
    check_keep
    check_zero
    check_punch
done
