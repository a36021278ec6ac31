#!/bin/bash
# SPDX-License-Identifier: MIT
# A failing disk: the writer sees EIO, and every later fsync of that volume fails too, though the
# disk works again, until it was closed by all and opened anew. Other volumes go on.
. "$(dirname "$0")/../lib.sh"

# After one failure, with the disk working again; descriptors 7 and 8 are open on v/a.img.
expect_sticky() {
    expect_errno EIO bytes fsync @8
    expect_errno EIO bytes fdatasync @8
    expect_errno EIO bytes fsync @8
    expect_errno EIO bytes fsync @7
    expect_errno EIO bytes write @7 0 4096 3 dsync
    exec 8>&-
    expect_errno EIO bytes fsync @7
    expect_errno EIO bytes fsync v/a.img
    bytes write v/b.img 0 4096 4 dsync
    bytes fsync v/b.img
    bytes check "$folder/b.img" 0 4096 4
    expect_equal "state" "$(status_field "$SCRATCH/v" '.volumes[] | select(.name == "a.img") | .state')" failed
    expect_equal "errors are counted" \
        "$(status_field "$SCRATCH/v" '.volumes[] | select(.name == "a.img") | .errors > 0')" true
    grep -q 'a\.img' daemon.log || fail "the log does not name the volume"
    exec 7>&-
    poll 5 "the volume to be whole after opening it anew" bytes fsync v/a.img
    bytes write v/a.img 0 1048576 5
    bytes fsync v/a.img
    bytes check "$folder/a.img" 0 1048576 5
}

images_make() {
    image_mapped "$folder/a.img" 16M
    image_mapped "$folder/b.img" 1M
    sync -f "$folder"
}

# Memory for no more compressed pages: zram fails each write that cannot be compressed.
check_zram() {
    local limit=/sys/block/${disk#/dev/}/mem_limit
    step "a write fails on the disk, $mode"
    images_make
    volumes_mount_logged daemon "$mode" "$folder" "$SCRATCH/v"
    exec 7<>v/a.img 8<>v/a.img
    bytes write @8 0 65536 1
    bytes fsync @8
    echo 4096 >"$limit"
    expect_errno EIO bytes write @8 65536 4194304 2
    echo 0 >"$limit"
    expect_sticky
    volumes_unmount_failed "$SCRATCH/v"
    ! wait "$daemon" || fail "the daemon's exit code is 0"
    rm "$folder"/*.img
}

# fault.c takes the part of the disk, for the one failure that zram does not have: at the flush.
check_flush() {
    step "a flush fails on the disk, engine=threads"
    images_make
    export PLATTERFS_FAULT=$SCRATCH/fault
    volumes_mount_logged daemon engine=threads "$folder" "$SCRATCH/v" \
        env LD_PRELOAD="$(dirname "$(command -v bytes)")/libfault.so"
    exec 7<>v/a.img 8<>v/a.img
    bytes write @8 0 65536 1
    bytes fsync @8
    : >fault.sync
    bytes write @8 0 65536 2
    expect_errno EIO bytes fsync @8
    rm fault.sync
    [[ -s fault.count ]] || fail "the daemon did not flush"
    expect_sticky
    step "a write fails on the disk once, engine=threads"
    exec 7<>v/a.img 8<>v/a.img
    : >fault.write
    expect_errno EIO bytes write @8 0 65536 2
    rm fault.write
    expect_sticky
    volumes_unmount_failed "$SCRATCH/v"
    ! wait "$daemon" || fail "the daemon's exit code is 0"
}

# Where flushes are quick, the lane does them itself, without the ring: only then can fault.c fail it.
check_flush_in_place() {
    step "a flush in place fails, engine=io_uring"
    images_make
    export PLATTERFS_FAULT=$SCRATCH/fault
    rm -f fault.count
    volumes_mount_logged daemon engine=io_uring "$folder" "$SCRATCH/v" \
        env LD_PRELOAD="$(dirname "$(command -v bytes)")/libfault.so"
    exec 7<>v/a.img 8<>v/a.img
    bytes write @8 0 65536 1
    : >fault.sync
    poll 25 "an fsync that fails" not bytes fsync @8
    rm fault.sync
    [[ $(stat -c %s fault.count) -eq 1 ]] || fail "it took $(stat -c %s fault.count) failed flushes"
    expect_sticky
    volumes_unmount_failed "$SCRATCH/v"
    ! wait "$daemon" || fail "the daemon's exit code is 0"
}

# Nobody called fsync, so nobody has been told: umount is the last who can.
check_close() {
    local status=0
    step "the flush at close fails, engine=threads"
    images_make
    export PLATTERFS_FAULT=$SCRATCH/fault
    volumes_mount_logged daemon engine=threads "$folder" "$SCRATCH/v" \
        env LD_PRELOAD="$(dirname "$(command -v bytes)")/libfault.so"
    exec 7<>v/a.img
    : >fault.sync
    bytes write @7 0 65536 1
    exec 7>&-
    poll 5 "the volume to be closed" grep -q 'a\.img: fsync at close' daemon.log
    rm fault.sync
    expect_refused 1 "flush failed" "$PLATTERFS" umount v
    wait "$daemon" || status=$?
    expect_equal "the daemon's exit code" $status 1
}

zram_mount images 128M
for mode in "${MODES[@]}"; do
    check_zram
done
check_flush
[[ ! ${MODES[*]} =~ io_uring ]] || check_flush_in_place
check_close
