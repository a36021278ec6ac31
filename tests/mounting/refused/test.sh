#!/bin/bash
# SPDX-License-Identifier: MIT
# What cannot be mounted is refused with one clear line and mount(8)'s exit code, at whatever step,
# and nothing is left: no daemon, no device, no mount.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

refused() { # PATTERN OPTIONS [IMAGE]
    expect_mount_fails 32 "$1" m "a-$ID.img" mount -t platterfs -o "$2" "${3:-a-$ID.img}" m
}

# The same where others, the daemon or fsck, have their say too.
fails_saying() { # PATTERN OPTIONS IMAGE
    local status=0
    mount -t platterfs -o "$2" "$3" m >said 2>&1 || status=$?
    expect_equal "exit code" "$status" 32
    expect_equal "lines that match $1" "$(grep -Ec "^platterfs: .*$1" said)" 1
    expect_nothing_left m "$3"
}

helpers_install
mkdir m
head -c 32 /dev/urandom >key
head -c 32 /dev/urandom >wrong
image_new "a-$ID.img" 16M
image_new "luks-$ID.img" 32M --type luks2 --key-file key --pbkdf pbkdf2 --pbkdf-force-iterations 1000
image_new "plain-$ID.img" 16M --type plain --key-file key --cipher aes-xts-plain64 --key-size 256
mkfs.ext4 -q "a-$ID.img"

step "what is there"
refused "missing.*No such file" rw missing.img
mount -t platterfs -o nofail missing.img m || fail "nofail"
refused "nowhere.*No such file" rw "a-$ID.img nowhere" 2>/dev/null || true
expect_mount_fails 32 "nowhere.*No such file" m "a-$ID.img" mount -t platterfs "a-$ID.img" nowhere
expect_mount_fails 32 "fuse.*Not a directory|key.*Not a directory" m "a-$ID.img" \
    mount -t platterfs "a-$ID.img" key
refused "not a regular file" rw "$SCRATCH"
refused "a device: platterfs mounts images" loop

step "options"
refused "option cipher: is for type=plain" cipher=aes-xts-plain64
refused "option start=x" start=x
refused "a-$ID.img: .*bad option" bogus
refused "unknown filesystem type 'nofs'" fstype=nofs
refused "wrong fs type" fstype=xfs

step "keys"
refused "luks-$ID.img: " "keyfile=$SCRATCH/wrong" "luks-$ID.img"
refused "luks-$ID.img: " "keyfile=$SCRATCH/none" "luks-$ID.img"
plain=type=plain,cipher=aes-xts-plain64,key-size=256
fails_saying "no filesystem is known in it.*wrong key" "$plain,keyfile=$SCRATCH/wrong" "plain-$ID.img"
refused "expect=ext4" "$plain,keyfile=$SCRATCH/wrong,expect=ext4" "plain-$ID.img"

step "a filesystem that is damaged"
cp "a-$ID.img" "bad-$ID.img"
loops_undo "bad-$ID.img"
dd if=/dev/urandom of="bad-$ID.img" bs=1K seek=1 count=1 conv=notrunc status=none
expect_mount_fails 32 "no filesystem is known in it" m "bad-$ID.img" mount -t platterfs "bad-$ID.img" m
cp "a-$ID.img" "bad-$ID.img"
debugfs -w -R "clri <2>" "bad-$ID.img" >/dev/null 2>&1
debugfs -w -R "set_super_value state 2" "bad-$ID.img" >/dev/null 2>&1
fails_saying "fsck.ext4 found what it does not repair" fsck "bad-$ID.img"

step "a filesystem whose blocks are smaller than the sectors of the encryption"
mkdir v
platterfs mount -o "keyfile=$SCRATCH/key" "luks-$ID.img" v
mkfs.ext4 -q -F -b 1024 "v/luks-$ID.img"
platterfs umount v
rmdir v
refused "blocks of 1024 bytes, its encryption sectors of 4096.*mkfs.ext4 -b 4096" \
    "keyfile=$SCRATCH/key" "luks-$ID.img"

step "who has it already"
mount -t tmpfs none m
expect_refused 32 "something else is mounted there" mount -t platterfs "a-$ID.img" m
umount m
expect_nothing_left m "a-$ID.img"
mkdir m2 v
mount -t platterfs "a-$ID.img" m
mount -t platterfs "a-$ID.img" m || fail "what is mounted already is no error"
expect_refused 32 "in use: attached or mounted already" mount -t platterfs "a-$ID.img" m2
expect_refused 32 "in use: attached or mounted already" mount -t platterfs -o ro "a-$ID.img" m2
exec 7<m/lost+found
expect_refused 32 "busy" umount m
exec 7<&-
umount m
platterfs mount "a-$ID.img" v
exec 7<"v/a-$ID.img"
refused "in use: served at $SCRATCH/v, by process" rw
exec 7<&-
platterfs umount v

step "options of a FUSE mount, which a device has no use for"
mount -t platterfs -o allow_other "a-$ID.img" m || fail "allow_other"
umount m

step "what did not reach the device"
image_sparse "full-$ID.img" 64M
mkfs.ext4 -q -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 "full-$ID.img"
disk_mount small ext4 40M
cp --sparse=always "full-$ID.img" "$folder/full-$ID.img"
loops_undo "full-$ID.img"
mount -t platterfs "$folder/full-$ID.img" m
dd if=/dev/urandom of=m/file bs=1M count=50 status=none || true
expect_refused 32 "a write or the last flush failed|daemon" umount m
expect_nothing_left m "full-$ID.img"

step "recorded nowhere"
unshare --mount --propagation private sh -c "mount -t tmpfs -o size=4k none /run/mount && dd if=/dev/zero of=/run/mount/full bs=4k status=none
    timeout 20 mount -t platterfs '$SCRATCH/a-$ID.img' '$SCRATCH/m' 2>unrecorded.err && exit 9; ! mountpoint -q '$SCRATCH/m'" || fail "mounted, or hangs: $(cat unrecorded.err)"
expect_nothing_left m "a-$ID.img"

step "a daemon that was killed"
mount -t platterfs "a-$ID.img" m
kill -9 "$(pgrep -f "^@platterfs.*a-$ID.img")"
expect_refused 32 "unmounted, but its daemon" umount m
expect_nothing_left m "a-$ID.img"
