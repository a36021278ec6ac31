#!/bin/bash
# SPDX-License-Identifier: MIT
# One writer: while a volume is open for writing, another platterfs and qemu are refused; while they
# write, we are. Readers share. After closing, everyone may again.
. "$(dirname "$0")/../lib.sh"

# Reads as qemu does when nobody may write meanwhile. (qemu-img info only looks at the size of a raw
# image, and is content beside a writer.)
qemu_read() {
    qemu-img convert -f raw -O raw "$folder/a.img" "$SCRATCH/converted"
}

check_platterfs() {
    step "two mounts of the same folder, $mode"
    exec 8<>v/a.img
    bytes write @8 0 4096 1
    expect_errno EBUSY bytes open w/a.img rw
    expect_errno EBUSY bytes open w/a.img r
    bytes open w/b.img rw
    exec 8>&-
    poll 5 "the lock to be given back" bytes open w/a.img rw
    bytes check w/a.img 0 4096 1
    step "a reader of a volume can also become its writer, $mode"
    exec 8<v/a.img
    bytes write v/a.img 0 4096 2
    bytes check @8 0 4096 2
    exec 8<&-
    poll 5 "the lock to be given back" bytes open w/a.img rw
}

check_readers() {
    step "readers share, $mode"
    volumes_mount "$mode,ro" "$folder" "$SCRATCH/r1"
    volumes_mount "$mode,ro" "$folder" "$SCRATCH/r2"
    exec 8<r1/a.img 9<r2/a.img
    bytes check @8 0 4096 2
    bytes check @9 0 4096 2
    expect_errno EBUSY bytes open v/a.img rw
    qemu_read
    exec 8<&- 9<&-
    volumes_unmount "$SCRATCH/r1"
    volumes_unmount "$SCRATCH/r2"
    poll 5 "the volume to be writable" bytes open v/a.img rw
}

check_qemu_refused() {
    step "qemu beside us, $mode"
    qemu_read
    exec 8<>v/a.img
    not qemu_read >qemu.out 2>&1 || fail "qemu-img opened the image under a writer"
    grep -qi lock qemu.out || fail "qemu-img said: $(cat qemu.out)"
    not qemu-io -f raw -c "write 0 4k" "$folder/a.img" >qemu.out 2>&1 || fail "qemu-io wrote beside us"
    exec 8>&-
    poll 5 "qemu to be let in" qemu_read
    poll 5 "qemu to write" qemu-io -f raw -c "write -P 0x55 0 4k" "$folder/a.img"
}

check_we_are_refused() {
    rm -f fifo
    mkfifo fifo
    qemu-io -f raw "$folder/a.img" <fifo >qemu.out 2>&1 &
    exec 7>fifo
    echo "write -P 0x66 0 4k" >&7
    poll 10 "qemu-io to write" grep -q wrote qemu.out
    expect_errno EBUSY bytes open v/a.img rw
    expect_errno EBUSY bytes open v/a.img r
    bytes open v/b.img rw
    exec 7>&-
    wait $!
    poll 5 "the volume to open" bytes open v/a.img rw
    expect_equal "what qemu wrote" "$(bytes read v/a.img 0 4096 | tr -d 'f' | wc -c)" 0
}

check_single() {
    step "one image, mounted while someone writes to it, $mode"
    exec 8<>v/a.img
    mkdir -p s
    if platterfs mount -o "$mode" "$folder/a.img" "$SCRATCH/s" 2>error; then
        expect_errno EBUSY bytes open s/a.img rw
        volumes_unmount "$SCRATCH/s"
    else
        expect_refused 1 "busy|use|writ|lock" "$PLATTERFS" mount -o "$mode" "$folder/a.img" "$SCRATCH/s"
        not mountpoint -q s || fail "the refused mount is there"
    fi
    exec 8>&-
}

disk_mount images ext4 64M
image_mapped "$folder/a.img" 1M
image_mapped "$folder/b.img" 1M
for mode in "${MODES[@]}"; do
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    volumes_mount "$mode" "$folder" "$SCRATCH/w"
    check_platterfs
    check_readers
    check_qemu_refused
    check_we_are_refused
    check_single
    volumes_unmount "$SCRATCH/v"
    volumes_unmount "$SCRATCH/w"
done
