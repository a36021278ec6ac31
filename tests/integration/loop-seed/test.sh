#!/bin/bash
# SPDX-License-Identifier: MIT
# The experiment this project began with: what is written to a loop device on a volume is on the
# disk at once, and no page of the image is in memory. A plain loop device shows the contrary.
. "$(dirname "$0")/../lib.sh"

SIZE=$((4 * 1024 * 1024))

# The disk's own sectors, at the places where the image's blocks lie. Nothing is synced between.
on_disk() { # SEED
    local logical physical length
    while read -r logical physical length _; do
        cmp -s <(bytes read "$disk" "$physical" "$length") <(bytes pattern "$1" "$logical" "$length") ||
            return 1
    done <map
}

loop_write() { # SEED
    bytes pattern "$1" 0 $SIZE >data
    dd if=data of="$loop" bs=64K oflag=direct status=none
}

check_volume() { # SEED LOSETUP-OPTION
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    loop_new v/a.img "$2"
    loop_write "$1"
    on_disk "$1" || fail "the bytes are not on the disk"
    expect_equal "cached pages of the image" "$(pages_cached "$folder/a.img")" 0
    dd if="$loop" of=/dev/null bs=1M iflag=direct status=none
    expect_equal "cached pages of the image after reading" "$(pages_cached "$folder/a.img")" 0
    loop_end "$loop"
    volumes_unmount "$SCRATCH/v"
}

# The control: were our way of looking blind, it would see nothing here either.
check_control() {
    loop_new "$folder/a.img" --direct-io=off
    loop_write 500
    (($(pages_cached "$folder/a.img") > 0)) || fail "a plain loop device cached nothing?"
    not on_disk 500 || fail "a plain loop device wrote through?"
    loop_end "$loop"
    sync "$folder/a.img"
    on_disk 500 || fail "cannot find the image's bytes on the disk"
    bytes read "$folder/a.img" 0 1 >/dev/null
    dd of="$folder/a.img" oflag=nocache conv=notrunc,fdatasync count=0 status=none
}

disk_mount images ext4 64M
image_mapped "$folder/a.img" $SIZE
sync -f "$folder"
extents "$folder/a.img" >map
expect_equal "bytes in extents" "$(awk '{ sum += $3 } END { print sum }' map)" $SIZE
step "control: a loop device on the image"
check_control
seed=0
for mode in "${MODES[@]}"; do
    for direct in on off; do
        step "a loop device (direct I/O $direct) on the volume, $mode"
        check_volume $((++seed)) --direct-io=$direct
    done
    step "the volume itself, written and read plainly, $mode"
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    bytes write v/a.img 0 $SIZE $((++seed))
    on_disk $seed || fail "the bytes are not on the disk"
    cat v/a.img >/dev/null
    expect_equal "cached pages of the image" "$(pages_cached "$folder/a.img")" 0
    volumes_unmount "$SCRATCH/v"
done
