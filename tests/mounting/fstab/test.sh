#!/bin/bash
# SPDX-License-Identifier: MIT
# One line of fstab makes a mounted filesystem of an image, raw or encrypted, with direct I/O all the
# way down; mount -a and umount can be repeated; the bytes are in the image; nothing is left.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

line() { # IMAGE FOLDER OPTIONS
    mkdir -p "$2"
    printf '%s %s platterfs %s 0 2\n' "$SCRATCH/$1" "$SCRATCH/$2" "$3" >>fstab
}

images_make() {
    image_new "raw $ID.img" 32M
    image_new "luks-$ID.img" 48M --type luks2 --key-file key --sector-size 512 "${COST[@]}"
    image_new "big-$ID.img" 48M --type luks2 --key-file key --sector-size 4096 "${COST[@]}"
    image_new "plain-$ID.img" 32M --type plain --key-file key --cipher aes-xts-plain64 --key-size 256
    line "raw\\040$ID.img" raw "fstype=ext4,noatime,x-systemd.after=foo,user,comment=x"
    line "luks-$ID.img" luks "keyfile=$SCRATCH/key,_netdev,nofail"
    line "big-$ID.img" big "keyfile=$SCRATCH/key,discard=zero,discard,fstype=ext4"
    line "plain-$ID.img" plain \
        "type=plain,cipher=aes-xts-plain64,key-size=256,keyfile=$SCRATCH/key,data=journal"
    images=("raw $ID.img" "luks-$ID.img" "big-$ID.img" "plain-$ID.img")
    folders=(raw luks big plain)
}

filesystems_make() {
    local device
    device=$(platterfs attach "raw $ID.img")
    mkfs.ext4 -q "$device"
    platterfs detach "$device"
    for image in "luks-$ID.img" "big-$ID.img"; do
        device=$(platterfs attach -o "keyfile=$SCRATCH/key" "$image")
        mkfs.ext4 -q "$device"
        platterfs detach "$device"
    done
    device=$(platterfs attach -o "type=plain,cipher=aes-xts-plain64,key-size=256,keyfile=$SCRATCH/key" \
        "plain-$ID.img" 2>new.log)
    mkfs.ext4 -q "$device"
    platterfs detach "$device"
}

all_mount() {
    mount -a -T fstab || fail "mount -a"
    for folder in "${folders[@]}"; do expect_direct "$folder"; done
    expect_equal "number of mounts" "$(grep -c " $SCRATCH/[a-z]* " /proc/self/mountinfo)" 4
}

all_gone() {
    for folder in "${folders[@]}"; do expect_nothing_left "$folder" "${images[@]}"; done
}

check_options() {
    findmnt -no OPTIONS raw | grep -q noatime || fail "noatime: $(findmnt -no OPTIONS raw)"
    findmnt -no OPTIONS big | grep -q discard || fail "discard: $(findmnt -no OPTIONS big)"
    findmnt -no OPTIONS plain | grep -q data=journal || fail "data=journal: $(findmnt -no OPTIONS plain)"
    local source
    source=$(findmnt -no SOURCE big)
    expect_equal "sectors of $source" "$(blockdev --getss "$source")" 4096
    expect_equal "status by the folder" \
        "$(platterfs status --json big | jq -c '.mounts[] | [.device, .folder, .fstype, .source]')" \
        "[\"$source\",\"$SCRATCH/big\",\"ext4\",\"$SCRATCH/big-$ID.img\"]"
    source=$(findmnt -no SOURCE luks)
    expect_equal "sectors of $source" "$(blockdev --getss "$source")" 512
}

step "images and filesystems"
COST=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)
head -c 32 /dev/urandom >key
helpers_install
images_make
filesystems_make
all_gone

step "mount -a, twice"
all_mount
check_options
for folder in "${folders[@]}"; do bytes pattern 7 0 5000001 >"$folder/file"; done
all_mount

step "umount, one by one"
for folder in "${folders[@]}"; do umount "$folder" || fail "umount $folder"; done
all_gone
device=$(losetup -f --show -r "raw $ID.img")
e2fsck -fn "$device" >e2fsck.log 2>&1 || fail "e2fsck of the image itself"
losetup -d "$device"

step "again, and umount -a by the record of the helper"
all_mount
for folder in "${folders[@]}"; do cmp "$folder/file" <(bytes pattern 7 0 5000001); done
umount -a -O helper=platterfs
all_gone
umount -a -O helper=platterfs

step "without a helper the kernel takes all down too"
mount -t platterfs "raw $ID.img" raw
umount -i raw
poll 10 "the daemon to end" nothing_left raw "raw $ID.img"

step "read-only, remount"
mount -t platterfs -o ro "raw $ID.img" raw
expect_equal "read-only" "$(cat "/sys/block/$(basename "$(findmnt -no SOURCE raw)")/ro")" 1
not touch raw/x 2>/dev/null || fail "written"
not mount -o remount,rw raw 2>/dev/null || fail "a read-only image became writable"
umount raw
mount -T fstab raw
LIBMOUNT_FSTAB=$SCRATCH/fstab mount -o remount,ro raw
not touch raw/x 2>/dev/null || fail "written after remount,ro"
LIBMOUNT_FSTAB=$SCRATCH/fstab mount -o remount,rw raw
touch raw/x
umount raw
expect_nothing_left raw "raw $ID.img"

step "lazily, bound elsewhere, and with the device open"
mount -T fstab raw
exec 7<raw/file
umount -l raw
cmp /dev/fd/7 <(bytes pattern 7 0 5000001)
exec 7<&-
poll 10 "the daemon to end" nothing_left raw "raw $ID.img"
mount -T fstab raw
mkdir elsewhere
mount --bind raw elsewhere
umount raw 2>said
grep -q "still mounted elsewhere" said || fail "umount said: $(cat said)"
umount elsewhere
poll 10 "the daemon to end" nothing_left raw "raw $ID.img"
