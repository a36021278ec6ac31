#!/bin/bash
# SPDX-License-Identifier: MIT
# resize lengthens an image while it is written, every new block written, and volume and loop device
# follow; if that fails, or is cancelled, the image has its old size, and nothing in use has noticed;
# it shrinks only when that loses nothing.
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

file_size_is() { # FILE BYTES
    (($(stat -c %s "$1") == $2))
}

# An image of 8 MiB with a pattern in it, open as @7, whose daemon writes slowly while ./fault.crawl
# is there.
slow_begin() { # IMAGE
    image=$1
    image_new "$image" 8M
    bytes write "$image" 0 8388608 6
    PLATTERFS_FAULT=$SCRATCH/fault LD_PRELOAD=$(dirname "$(command -v bytes)")/libfault.so \
        platterfs mount "$image" v
    exec 7<>"v/$image"
    : >fault.crawl
}

slow_end() {
    exec 7<&-
    platterfs umount v
    rm -f fault.crawl
}

growth_start() { # leaves $client
    "$PLATTERFS" resize "$image" 300M >client.said 2>&1 7<&- &
    client=$!
    poll 10 "the image to become longer" longer_than "$image" 8388608
}

# It was cancelled: nothing of it is left, and what is in use goes on.
expect_old_size() { # WHAT
    poll 10 "the old size after $1" file_size_is "$image" 8388608
    expect_equal "size of the volume after $1" "$(stat -c %s "v/$image")" 8388608
    bytes check "v/$image" 0 8388608 6
    bytes write "v/$image" 1000000 1000000 6
    bytes fsync @7 || fail "fsync after $1"
}

expect_grows() { # SIZE
    platterfs resize "$image" "$1" >said
    size_is "$(numfmt --from=iec "$1")"
    expect_equal "size of the volume" "$(stat -c %s "v/$image")" "$(numfmt --from=iec "$1")"
    expect_mapped "$image"
    bytes fsync @7
    bytes check "v/$image" 0 8388608 6
}

# Who asked for it interrupts it, is killed, or stands still: the daemon goes on or cuts back.
check_stopped() {
    local signal
    slow_begin "slow-$ID.img"
    for signal in INT TERM KILL; do
        growth_start
        kill -$signal "$client"
        not wait "$client" 2>/dev/null || fail "resize had ended before SIG$signal"
        [[ $signal == KILL ]] || grep -q "interrupted: the image has its old size" client.said ||
            fail "after SIG$signal: $(cat client.said)"
        expect_old_size SIG$signal
    done
    growth_start
    kill -STOP "$client"
    expect_refused 1 "busy" "$PLATTERFS" resize "$image" 400M
    expect_refused 1 "busy" "$PLATTERFS" resize "$image" 300M
    expect_equal "size of the volume" "$(stat -c %s "v/$image")" 8388608
    kill -KILL "$client"
    not wait "$client" 2>/dev/null || fail "resize had ended before SIGKILL"
    expect_old_size "SIGSTOP and SIGKILL"
    rm fault.crawl
    expect_grows 16M
    slow_end
    bytes check "$image" 0 8388608 6
}

# A client that does not listen does not hold up the growth, and hears how it ended.
check_standing_still() {
    slow_begin "still-$ID.img"
    growth_start
    kill -STOP "$client"
    rm fault.crawl
    poll 60 "the volume to grow" file_size_is "v/$image" 314572800
    kill -CONT "$client"
    wait "$client" || fail "resize: $(cat client.said)"
    slow_end
    expect_mapped "$image"
}

# The mount ends while an image of it grows: by umount, and by SIGTERM.
check_unmounted() {
    local way pid
    for way in umount TERM; do
        slow_begin "end-$way-$ID.img"
        growth_start
        exec 7<&-
        pid=$(status_field "$SCRATCH/v" .pid)
        if [[ $way == umount ]]; then
            timeout 10 "$PLATTERFS" umount v || fail "umount while growing"
        else
            kill -TERM "$pid"
        fi
        poll 10 "the daemon to end" process_gone "$pid"
        not wait "$client" || fail "resize did not fail: $(cat client.said)"
        grep -q "its mount ends: the image has its old size" client.said || fail "$(cat client.said)"
        size_is 8388608
        bytes check "$image" 0 8388608 6
        rm fault.crawl
    done
}

# What could not be cut back is longer than its volume, which does not mind; later it can be.
check_not_cut() {
    slow_begin "uncut-$ID.img"
    growth_start
    : >fault.truncate
    kill -KILL "$client"
    not wait "$client" 2>/dev/null || fail "resize had ended before SIGKILL"
    poll 10 "the cut to fail" test -s fault.count
    rm fault.crawl
    poll 10 "the growth to end" growth_over
    longer_than "$image" 8388608 || fail "it was cut"
    bytes fsync @7
    bytes write "v/$image" 1000000 1000000 6
    bytes fsync @7
    expect_equal "size of the volume" "$(stat -c %s "v/$image")" 8388608
    rm fault.truncate
    platterfs resize "$image" 8M >said
    size_is 8388608
    expect_grows 16M
    slow_end
    rm fault.count
}

# While ./fault.truncate is there, no new one can begin.
growth_over() {
    not "$PLATTERFS" resize "$image" 8M >said 2>&1 && not grep -q busy said
}

# An fsync fails neither when the new size shows, nor when an image is cut back.
check_flushes() {
    local i
    image=flushes-$ID.img
    image_new "$image" 8M
    platterfs mount "$image" v
    exec 7<>"v/$image"
    python3 "$CASE/flushes.py" "v/$image" stop >flushes.log 2>&1 &
    local flusher=$!
    for i in {1..40}; do
        if ((i % 2)); then
            platterfs resize "$image" $((8388608 + i * 65536)) >said
        else
            "$PLATTERFS" resize --noise "$image" 300M >said 2>&1 &
            poll 10 "the image to become longer" longer_than "$image" $((8388608 + i * 65536))
            kill -KILL $!
            not wait $! 2>/dev/null || fail "it had grown before SIGKILL"
            poll 10 "the old size" file_size_is "$image" $((8388608 + (i - 1) * 65536))
        fi
    done
    : >stop
    wait "$flusher" || fail "$(cat flushes.log)"
    rm stop
    exec 7<&-
    platterfs umount v
}

# What is written to the new part counts as what is in the old one, from the first moment on.
check_new_part() {
    disk_mount part ext4 128M
    image=part/part-$ID.img
    image_new "$image" 8M
    platterfs mount part v
    exec 7<>"v/${image##*/}"
    platterfs resize "$image" 24M >said
    bytes write @7 8384512 8392704 3
    bytes fsync @7
    local pid
    pid=$(status_field "$SCRATCH/v" .pid)
    kill -KILL "$pid"
    poll 10 "the daemon to be dead" process_gone "$pid"
    exec 7<&-
    umount -l v
    bytes check "$image" 8384512 8392704 3
    expect_mapped "$image"
    size_is 25165824
    platterfs mount part v
    exec 7<>"v/${image##*/}"
    platterfs resize "$image" 32M >said
    bytes fsync @7
    fallocate -p -o 26M -l 1M "$image"
    expect_errno EIO bytes fsync @7
    exec 7<&-
    platterfs umount v || true
}

# A loop device may lie on a volume at a file, and may be out of reach: that is said, and mended later.
check_loops() {
    image=loops-$ID.img
    image_new "$image" 4M
    : >at-file
    platterfs mount "$image" at-file
    loop_new "$SCRATCH/at-file" --direct-io=on
    platterfs resize "$image" 6M >said
    expect_equal "size of $loop" "$(blockdev --getsize64 "$loop")" 6291456
    undo "while umount $loop 2>/dev/null; do :; done"
    mount --bind /dev/null "$loop"
    expect_refused 1 "a loop device on it cannot be opened, and keeps its old size" \
        "$PLATTERFS" resize "$image" 8M
    umount "$loop"
    size_is 8388608
    expect_equal "size of $loop" "$(blockdev --getsize64 "$loop")" 6291456
    platterfs resize "$image" 8M >said
    expect_equal "size of $loop" "$(blockdev --getsize64 "$loop")" 8388608
    loop_end "$loop"
    platterfs umount at-file
}

check_whole_blocks() {
    image=blocks-$ID.img
    image_new "$image" 1M
    platterfs mount "$image" v
    exec 7<>"v/$image"
    expect_refused 1 "must be whole blocks of" "$PLATTERFS" resize "$image" 2097153
    expect_refused 1 "shrinks only when nobody" "$PLATTERFS" resize "$image" 512K
    size_is 1048576
    bytes fsync @7
    platterfs resize "$image" 1M >said
    exec 7<&-
    platterfs umount v
    platterfs resize "$image" 1049000 >said
    platterfs mount "$image" v
    exec 7<>"v/$image"
    expect_refused 1 "its size is not whole blocks" "$PLATTERFS" resize "$image" 2M
    size_is 1049000
    bytes fsync @7
    exec 7<&-
    platterfs umount v
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
step "a client that stands still"
check_standing_still
step "unmounted half way"
check_unmounted
step "an image that cannot be cut back"
check_not_cut
step "flushes"
check_flushes
step "the new part"
check_new_part
step "loop devices"
check_loops
step "whole blocks"
check_whole_blocks
step "a disk that fails"
check_failing_disk
step "served with passthrough"
image_new "past-$ID.img" 16M
device=$(platterfs attach -o passthrough "past-$ID.img")
if [[ $(platterfs status --json | jq -r ".mounts[].volumes[] | select(.name == \"past-$ID.img\").passthrough") == true ]]; then
    expect_refused 1 "with passthrough" "$PLATTERFS" resize "past-$ID.img" 32M
    expect_equal "size" "$(stat -c %s "past-$ID.img")" 16777216
else
    skip_part "no FUSE passthrough in this kernel (Linux 6.9, CONFIG_FUSE_PASSTHROUGH)"
fi
platterfs detach "$device"

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
