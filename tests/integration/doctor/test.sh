#!/bin/bash
# SPDX-License-Identifier: MIT
# doctor exits with 0 only when nothing stands between the image and one flush per fsync: FAIL for
# tmpfs and copy-on-write; holes, unwritten and shared blocks do not go without a word.
. "$(dirname "$0")/../lib.sh"

expect_doctor() { # EXIT-CODE PATTERN WHAT: -1 for either, as long as it agrees with the FAIL lines
    local status=0 wanted=$1
    platterfs doctor "$3" >doctor.out 2>doctor.err || status=$?
    sed 's/^/   /' doctor.out
    [[ $wanted != -1 ]] || wanted=$status
    expect_equal "exit code of doctor $3 ($(cat doctor.err))" $status "$wanted"
    not grep -Evq "^( *(PASS|WARN|FAIL) |$3\$)" doctor.out || fail "a line is neither PASS nor WARN nor FAIL"
    grep -Eq "$2" doctor.out || fail "no line of doctor $3 says '$2'"
    expect_equal "FAIL lines of doctor $3" "$(grep -q '^ *FAIL' doctor.out && echo 1 || echo 0)" "$wanted"
    status=0
    platterfs doctor --json "$3" >doctor.json || status=$?
    expect_equal "exit code with --json" $status "$wanted"
    jq -e . doctor.json >/dev/null || fail "--json printed $(cat doctor.json)"
}

check_ext4() {
    disk_mount ext4 ext4 128M
    image_mapped "$folder/good.img" 4M
    expect_doctor 0 '^ *PASS' "$folder/good.img"
    image_sparse "$folder/sparse.img" 4M
    expect_doctor -1 '^ *(WARN|FAIL).*hole' "$folder/sparse.img"
    fallocate -l 4M "$folder/unwritten.img"
    expect_doctor -1 '^ *(WARN|FAIL).*(unwritten|never( been)? written|not.*written)' "$folder/unwritten.img"
}

check_xfs_shared() {
    disk_mount xfs xfs 512M
    image_mapped "$folder/shared.img" 4M
    cp --reflink=always "$folder/shared.img" "$folder/copy.img"
    expect_doctor -1 '^ *(WARN|FAIL).*(shared|share)' "$folder/shared.img"
}

check_btrfs() {
    disk_mount btrfs btrfs 512M
    image_mapped "$folder/cow.img" 4M
    sync -f "$folder"
    expect_doctor 1 '^ *FAIL.*([Cc]opy-on-write|[Cc]o[Ww])' "$folder/cow.img"
    mkdir "$folder/nocow"
    chattr +C "$folder/nocow"
    image_mapped "$folder/nocow/a.img" 4M
    sync -f "$folder"
    expect_doctor 0 '^ *(PASS|WARN)' "$folder/nocow/a.img"
}

check_tmpfs() {
    mkdir tmpfs
    mount -t tmpfs none tmpfs
    image_mapped tmpfs/a.img 1M
    expect_doctor 1 '^ *FAIL.*(tmpfs|memory)' "$SCRATCH/tmpfs/a.img"
}

check_above() {
    volumes_mount rw "$SCRATCH/ext4" "$SCRATCH/v"
    loop_new v/good.img --direct-io=on
    platterfs doctor "$loop" >doctor.out || fail "doctor of a loop device with direct I/O: $(cat doctor.out)"
    losetup --direct-io=off "$loop"
    expect_doctor 0 '^ *WARN.*one request at a time.*losetup --direct-io=on' "$loop"
    loop_end "$loop"
    loop_new ext4/good.img --direct-io=off
    expect_doctor 1 '^ *FAIL.*cached twice.*losetup --direct-io=on' "$loop"
    loop_end "$loop"
    platterfs doctor "$SCRATCH/v" >doctor.out || true
    grep -Eq '^ *(PASS|WARN|FAIL)' doctor.out || fail "nothing about the mount"
    volumes_unmount "$SCRATCH/v"
}

# A file whose mount is at no folder is not a volume for that.
check_detached() {
    disk_mount detached ext4 64M
    image_mapped "$folder/file.img" 4M
    loop_new "$folder/file.img" --direct-io=off
    umount -l "$folder"
    expect_doctor 1 '^ *FAIL.*cached twice' "$loop"
    loop_end "$loop"
}

step "ext4"
check_ext4
step "xfs"
check_xfs_shared
step "btrfs"
check_btrfs
step "tmpfs"
check_tmpfs
step "a loop device, a mount point"
check_above
check_detached
expect_refused 1 "[Nn]o such" "$PLATTERFS" doctor "$SCRATCH/nowhere"
