#!/bin/bash
# SPDX-License-Identifier: MIT
# Volumes can be read, and not written, on a read-only filesystem, with -o ro, and from an image that
# nobody may write.
. "$(dirname "$0")/../lib.sh"

check() { # OPTIONS
    volumes_mount "$1" "$folder" "$SCRATCH/v"
    bytes check v/a.img 0 1048576 1
    expect_errno "EROFS|EACCES" bytes open v/a.img rw
    expect_errno "EROFS|EACCES" bytes open v/a.img w
    volumes_unmount "$SCRATCH/v"
    bytes check "$folder/a.img" 0 1048576 1
}

disk_mount images ext4 64M
image_mapped "$folder/a.img" 1M
bytes write "$folder/a.img" 0 1048576 1
sync -f "$folder"
for mode in "${MODES[@]}"; do
    step "-o ro, $mode"
    check "$mode,ro"
    volumes_mount "$mode,ro" "$folder/a.img" "$SCRATCH/v"
    expect_equal "mount flags" "$(findmnt -no OPTIONS "$SCRATCH/v" | grep -ow ro)" ro
    expect_errno "EROFS|EACCES" bytes open v/a.img rw
    volumes_unmount "$SCRATCH/v"
    step "read-only filesystem, $mode"
    mount -o remount,ro "$folder"
    check "$mode"
    mount -o remount,rw "$folder"
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    bytes open v/a.img rw
    volumes_unmount "$SCRATCH/v"
done
