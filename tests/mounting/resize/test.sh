#!/bin/bash
# SPDX-License-Identifier: MIT
# resize lengthens an image while it is written, every new block written, and volume and loop device
# follow; if that fails half way the image has its old size; it shrinks only when that loses nothing.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

size_is() { # BYTES
    expect_equal "size of the image" "$(stat -c %s "$image")" "$1"
}

writer_start() {
    (while [[ ! -e stop ]]; do
        dd if=/dev/zero of=m/work bs=64K count=16 conv=fsync status=none || : >failed
    done) &
    writer=$!
}

writer_stop() {
    : >stop
    wait "$writer"
    rm stop
    [[ ! -e failed ]] || fail "an fsync failed while the image grew"
}

quiet() { # COMMAND...
    "$@" >quiet.log 2>&1 || fail "'$*': $(cat quiet.log)"
}

next_command() { # TYPE
    case $1 in
    ext4) echo "resize2fs $device" ;;
    xfs) echo "xfs_growfs $SCRATCH/m" ;;
    btrfs) echo "btrfs filesystem resize max $SCRATCH/m" ;;
    esac
}

# Growing a mounted ext4 takes a capability that containers may not have.
grow_unmounted() {
    skip_part "no CAP_SYS_RESOURCE: ext4 is grown unmounted"
    umount m
    device=$(platterfs attach "$image")
    quiet e2fsck -fp "$device"
    quiet resize2fs "$device"
    platterfs detach "$device"
    mount -t platterfs "$image" m
}

may_grow_mounted() { # TYPE
    local mask
    mask=$(sed -n 's/^CapEff:\t//p' /proc/self/status)
    [[ $1 != ext4 ]] || (((0x$mask >> 24) & 1))
}

check_files() {
    cmp m/file <(bytes pattern 9 0 3000000) || fail "m/file differs"
    umount m
    mount -t platterfs "$image" m
    cmp m/file <(bytes pattern 9 0 3000000) || fail "m/file differs"
    cmp m/more <(bytes pattern 10 0 "$1") || fail "m/more differs"
    umount m
    expect_nothing_left m "$image"
}

check_online() { # TYPE SIZE NEW-SIZE
    local bytes_new
    bytes_new=$(numfmt --from=iec "$3")
    image=$1-$ID.img
    image_new "$image" "$2"
    # On the image itself it would punch holes.
    device=$(platterfs attach "$image")
    quiet "mkfs.$1" "$device"
    platterfs detach "$device"
    mount -t platterfs "$image" m
    device=$(findmnt -no SOURCE m)
    bytes pattern 9 0 3000000 >m/file
    writer_start
    platterfs resize "$image" "$3" >said
    writer_stop
    size_is "$bytes_new"
    expect_equal "size of $device" "$(blockdev --getsize64 "$device")" "$bytes_new"
    expect_mapped "$image"
    expect_equal "what is left to do" "$(sed -n 's/^.*next: //p' said)" "$(next_command "$1")"
    if may_grow_mounted "$1"; then quiet $(next_command "$1"); else grow_unmounted; fi
    bytes pattern 10 0 $((bytes_new / 2)) >m/more
    check_files $((bytes_new / 2))
}

# The rest of a LUKS volume is as long as its image; what is new is noise on the disk.
check_encrypted() {
    image=luks-$ID.img
    image_new "$image" 32M --type luks2 --key-file key --pbkdf pbkdf2 --pbkdf-force-iterations 1000
    platterfs mount -o "keyfile=$SCRATCH/key" "$image" v
    local before
    before=$(stat -c %s "v/$image")
    exec 7<>"v/$image"
    platterfs resize "$image" 40M >said
    expect_equal "size of the volume" "$(stat -c %s "v/$image")" $((before + (8 << 20)))
    bytes write "v/$image" $((before - 1000)) 8000000 4
    exec 7<&-
    platterfs umount v
    platterfs mount -o "keyfile=$SCRATCH/key" "$image" v
    bytes check "v/$image" $((before - 1000)) 8000000 4
    platterfs umount v
    (($(tail -c 256K "$image" | tr -d '\0' | wc -c) > 250000)) || fail "zeros at the end of an encrypted image"
}

# Blocks of the metadata of ext2 come on top, and it cannot reserve any: so it is full half way.
check_full() {
    disk_new full 64M
    mkfs.ext2 -q -F -m 0 "$disk"
    mkdir full
    mount "$disk" full
    image=full/full-$ID.img
    loops_undo "$image"
    image_mapped "$image" 8M
    bytes write "$image" 0 8388608 3
    platterfs mount "$SCRATCH/full" "$SCRATCH/v"
    loop_new "v/full-$ID.img" --direct-io=on
    local free
    free=$(($(stat -f -c '%f * %S' full)))
    expect_refused 1 "not enough free space.*old size" "$PLATTERFS" resize "$image" $((8388608 + free - 4096))
    size_is 8388608
    expect_equal "free space" "$(($(stat -f -c '%f * %S' full)))" "$free"
    bytes write "$loop" 0 4096 8
    bytes fsync "v/full-$ID.img"
    bytes check "$loop" 4096 8384512 3
    platterfs resize "$image" 9M >said
    expect_equal "size of $loop" "$(blockdev --getsize64 "$loop")" 9437184
    loop_end "$loop"
    platterfs umount v
}

longer_than() { # FILE BYTES
    (($(stat -c %s "$1") > $2))
}

# Ctrl-C leaves the old size; SIGKILL the old volume, which goes on and can be resized again.
check_stopped() {
    image=slow-$ID.img
    image_new "$image" 8M
    platterfs mount "$image" v
    exec 7<>"v/$image"
    for signal in INT KILL; do
        "$PLATTERFS" resize --noise "$image" 300M >said 2>&1 &
        poll 10 "the image to become longer" longer_than "$image" 8388608
        kill -$signal $!
        not wait $! 2>/dev/null || fail "resize had ended before SIG$signal"
        expect_equal "size of the volume" "$(stat -c %s "v/$image")" 8388608
        [[ $signal == KILL ]] || size_is 8388608
        bytes write "v/$image" 0 1000000 6
        bytes fsync "v/$image" || fail "fsync after SIG$signal"
    done
    platterfs resize "$image" 16M >said
    expect_equal "size of the volume" "$(stat -c %s "v/$image")" 16777216
    size_is 16777216
    bytes write "v/$image" 1000000 15777216 7
    exec 7<&-
    platterfs umount v
    bytes check "$image" 0 1000000 6
    bytes check "$image" 1000000 15777216 7
}

check_failing_disk() {
    image=a-$ID.img
    image_new "$image" 1M
    export PLATTERFS_FAULT=$SCRATCH/fault
    : >fault.write
    expect_refused 1 "Input/output error" env LD_PRELOAD="$(dirname "$(command -v bytes)")/libfault.so" \
        "$PLATTERFS" resize "$image" 2M
    rm fault.write
    [[ -s fault.count ]] || fail "no write failed"
    size_is 1048576
}

check_odd_sizes() {
    local size
    image=odd-$ID.img
    bytes pattern 5 0 1023 >"$image"
    for size in 5000 70001 4194304 4194817; do
        platterfs resize "$image" $size >said
        size_is $size
        expect_mapped "$image"
        cmp -n 1023 "$image" <(bytes pattern 5 0 1023)
        expect_equal "zeros" "$(tail -c +1024 "$image" | tr -d '\0' | wc -c)" 0
    done
}

check_shrinking() {
    image=ext4-$ID.img
    expect_refused 1 "--shrink" "$PLATTERFS" resize "$image" 16M
    expect_refused 1 "ext4 in it needs" "$PLATTERFS" resize --shrink "$image" 16M
    mount -t platterfs "$image" m
    rm m/more m/work
    expect_refused 1 "shrinks only when nobody" "$PLATTERFS" resize --shrink "$image" 64M
    umount m
    quiet e2fsck -fp "$image"
    quiet resize2fs "$image" 64M
    platterfs resize --shrink "$image" 64M >said
    size_is 67108864
    e2fsck -fn "$image" >e2fsck.log 2>&1 || fail "e2fsck"
    image=luks-$ID.img
    expect_refused 1 "a LUKS volume in it needs" "$PLATTERFS" resize --shrink "$image" 1M
    image=gpt-$ID.img
    image_sparse "$image" 8M
    printf 'label: gpt\n' | sfdisk -q "$image"
    expect_refused 1 "a GPT in it needs 8388608" "$PLATTERFS" resize --shrink "$image" 4M
    size_is 8388608
}

helpers_install
mkdir m v
head -c 32 /dev/urandom >key
step "ext4 grows while it is written"
check_online ext4 32M 96M
step "xfs"
check_online xfs 320M 400M
step "btrfs"
check_online btrfs 160M 256M
step "an encrypted volume"
check_encrypted
step "a filesystem that is full half way"
check_full
step "stopped half way"
check_stopped
step "a disk that fails"
check_failing_disk
step "odd sizes, and nobody has it open"
check_odd_sizes
step "shrinking"
check_shrinking
step "refused"
image=ext4-$ID.img
expect_refused 2 "bytes, or a number" "$PLATTERFS" resize "$image" 0
expect_refused 2 "bytes, or a number" "$PLATTERFS" resize "$image" big
expect_refused 1 "not enough free space" "$PLATTERFS" resize "$image" 100T
expect_refused 1 "No such file" "$PLATTERFS" resize missing.img 1M
size_is 67108864
