#!/bin/bash
# SPDX-License-Identifier: MIT
# attach makes a block device of an image: direct I/O, sectors as its encryption has them, partitions;
# detach takes it down when everything is in the image, and not while it is in use.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

attached() { # ARGUMENT...: $device
    device=$(platterfs attach "$@") || fail "attach $*"
    [[ -b $device ]] || fail "attach printed '$device'"
    expect_equal "direct I/O of $device" "$(cat "/sys/block/${device#/dev/}/loop/dio")" 1
}

detached() { # DEVICE|IMAGE
    platterfs detach "$1" || fail "detach $1"
    expect_nothing_left m "a-$ID.img" "luks-$ID.img"
}

# A kernel that reads no tables itself can be told of partitions, if the device may have any.
partitions_appear() {
    expect_equal "partscan of $device" "$(cat "/sys/block/${device#/dev/}/loop/partscan")" 1
    [[ -b ${device}p2 ]] || partx -a "$device"
    [[ -b ${device}p2 ]] || fail "no ${device}p2"
}

mkdir m
head -c 32 /dev/urandom >key
image_new "a-$ID.img" 16M
image_new "luks-$ID.img" 32M --type luks2 --key-file key --sector-size 4096 \
    --pbkdf pbkdf2 --pbkdf-force-iterations 1000

step "bytes and sizes"
attached "a-$ID.img"
expect_equal "size" "$(blockdev --getsize64 "$device")" 16777216
expect_equal "sectors" "$(blockdev --getss "$device")" 512
expect_equal "autoclear" "$(cat "/sys/block/${device#/dev/}/loop/autoclear")" 0
expect_equal "status by the device" \
    "$(platterfs status --json "$device" | jq -c '.mounts[] | [.device, .folder, .volumes[0].name]')" \
    "[\"$device\",null,\"a-$ID.img\"]"
bytes write "$device" 0 5000000 3
detached "$device"
bytes check "a-$ID.img" 0 5000000 3
expect_equal "pages in memory" "$(pages_cached "a-$ID.img")" 0

step "passthrough: the daemon sees none of it"
attached -o passthrough "a-$ID.img"
if [[ $(platterfs status --json | jq -r ".mounts[].volumes[] | select(.name == \"a-$ID.img\").passthrough") == true ]]; then
    bytes write "$device" 4096 1000000 6
    expect_equal "writes" "$(platterfs status --json | jq ".mounts[].volumes[] | select(.name == \"a-$ID.img\").writes")" 0
    detached "$device"
    bytes check "a-$ID.img" 4096 1000000 6
    expect_equal "pages in memory" "$(pages_cached "a-$ID.img")" 0
else
    skip_part "no FUSE passthrough in this kernel (Linux 6.9, CONFIG_FUSE_PASSTHROUGH)"
    detached "$device"
fi

step "passthrough above a disk with blocks of 4096 bytes"
disk_mount big ext4 64M --sector-size 4096
image_mapped "$folder/big-$ID.img" 16M
loops_undo "big-$ID.img"
attached -o passthrough "$folder/big-$ID.img"
mkfs.ext4 -q "$device"
mount "$device" m
cp "$0" m/file
umount m
detached "$device"

step "read-only, both ways to say it"
for option in -r "-o ro"; do
    attached $option "a-$ID.img"
    expect_equal "read-only" "$(blockdev --getro "$device")" 1
    expect_errno "EACCES|EPERM|EROFS" bytes write "$device" 0 512 4
    detached "a-$ID.img"
done

step "sectors of 4096 bytes"
attached -o "keyfile=$SCRATCH/key" "luks-$ID.img"
expect_equal "sectors" "$(blockdev --getss "$device")" 4096
bytes write "$device" 4096 1000000 5
detached "luks-$ID.img"
attached -r -o "keyfile=$SCRATCH/key" "luks-$ID.img"
bytes check "$device" 4096 1000000 5
detached "$device"

step "partitions"
attached --partscan "a-$ID.img"
printf 'label: gpt\n,4M\n,\n' | sfdisk -q --wipe always "$device"
partitions_appear
mkfs.ext4 -q "${device}p2"
mount "${device}p2" m
expect_refused 1 "in use" "$PLATTERFS" detach "$device"
cp "$0" m/file
umount m
detached "$device"
attached -r --partscan "a-$ID.img"
partitions_appear
mount -o ro "${device}p2" m
cmp m/file "$0"
umount m
detached "a-$ID.img"

step "in use"
attached "a-$ID.img"
expect_refused 1 "in use: attached or mounted already, by process [0-9]+" "$PLATTERFS" attach "a-$ID.img"
exec 7<"$device"
expect_refused 1 "in use" "$PLATTERFS" detach "$device"
expect_equal "autoclear after that" "$(cat "/sys/block/${device#/dev/}/loop/autoclear")" 0
exec 7<&-
bytes write "$device" 0 512 6
detached "$device"
bytes check "a-$ID.img" 0 512 6

step "an image that has another name by now"
attached "a-$ID.img"
mv "a-$ID.img" "old-$ID.img"
image_new "a-$ID.img" 1M
expect_refused 1 "not attached" "$PLATTERFS" detach "a-$ID.img"
detached "old-$ID.img"
mv "old-$ID.img" "a-$ID.img"

step "refused"
mkdir v
expect_refused 1 "no kernel module" "$PLATTERFS" attach --kernel "a-$ID.img"
expect_refused 1 "No such file" "$PLATTERFS" attach missing.img
expect_refused 1 "not a regular file" "$PLATTERFS" attach "$SCRATCH"
expect_refused 2 "option foo: unknown" "$PLATTERFS" attach -o foo "a-$ID.img"
expect_refused 1 "not attached" "$PLATTERFS" detach "a-$ID.img"
expect_refused 1 "not a loop device" "$PLATTERFS" detach "$(findmnt -nvo SOURCE -T / | grep ^/dev || echo /dev/null)"
platterfs mount "a-$ID.img" v
expect_refused 1 "already|served|not attached" "$PLATTERFS" detach "a-$ID.img"
loop_new "v/a-$ID.img"
expect_refused 1 "in use: served at $SCRATCH/v" "$PLATTERFS" attach "a-$ID.img"
expect_refused 1 "not attached by platterfs attach" "$PLATTERFS" detach "$loop"
loop_end "$loop"
platterfs umount v
image_sparse "sparse-$ID.img" 1M
expect_refused 1 "sparse.*could not open it" "$PLATTERFS" attach -o require=mapped "sparse-$ID.img"
expect_nothing_left m "a-$ID.img" "sparse-$ID.img"
