#!/bin/bash
# SPDX-License-Identifier: MIT
# When the disk is full, a sparse image's writer gets ENOSPC at the write, never later; mapped volumes
# beside it go on, and after making room so does the sparse one.
. "$(dirname "$0")/../lib.sh"

disk_fill() {
    fallocate -l 1G "$folder/filler" 2>/dev/null || true
    dd if=/dev/zero of="$folder/filler" bs=64K oflag=append conv=notrunc status=none 2>/dev/null || true
    truncate -s -3M "$folder/filler"
    sync -f "$folder"
}

# Until it does not fit any more: what was acknowledged must be there.
write_until_full() {
    local i
    for i in {0..1023}; do
        bytes write v/sparse.img $((i * 65536)) 65536 7 2>error || break
    done
    grep -q "ENOSPC" error || fail "writing to the full disk gave: $(cat error)"
    echo "   full after $i writes of 64 KiB"
    ((i > 0)) || fail "not one write succeeded"
    bytes check "$folder/sparse.img" 0 $((i * 65536)) 7
}

disk_mount images ext4 64M
for mode in "${MODES[@]}"; do
    step "$mode"
    image_mapped "$folder/mapped.img" 2M
    image_sparse "$folder/sparse.img" 64M
    disk_fill
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    write_until_full
    expect_errno ENOSPC bytes write v/sparse.img $((60 * 1048576)) 1048576 7
    bytes write v/mapped.img 1 2000000 8
    bytes fsync v/mapped.img
    bytes check "$folder/mapped.img" 1 2000000 8
    rm "$folder/filler"
    poll 10 "room again" bytes write v/sparse.img $((60 * 1048576)) 1048576 9
    bytes fsync v/sparse.img
    bytes check "$folder/sparse.img" $((60 * 1048576)) 1048576 9
    volumes_unmount_failed "$SCRATCH/v" # a loop device above may have heard of it alone
    rm "$folder"/*.img
done
