#!/bin/bash
# SPDX-License-Identifier: MIT
# fsck(8) checks a line of fstab through fsck.platterfs: options go to the filesystem's program, its
# exit code comes back, damage is repaired in the image, and nothing is left.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

check() { # CODE COMMAND...
    local status=0
    "${@:2}" >fsck.log 2>&1 || status=$?
    expect_equal "exit code of ${*:2}" "$status" "$1"
    expect_nothing_left m "$image"
}

damage() {
    local device
    device=$(platterfs attach -o "keyfile=$SCRATCH/key" "$image")
    debugfs -w -R "set_inode_field / links_count 9" "$device" >/dev/null 2>&1
    debugfs -w -R "set_super_value state 2" "$device" >/dev/null 2>&1
    platterfs detach "$device"
}

helpers_install
mkdir m
head -c 32 /dev/urandom >key
image=luks-$ID.img
image_new "$image" 32M --type luks2 --key-file key --pbkdf pbkdf2 --pbkdf-force-iterations 1000
device=$(platterfs attach -o "keyfile=$SCRATCH/key" "$image")
mkfs.ext4 -q "$device"
platterfs detach "$device"
export FSTAB_FILE=$SCRATCH/fstab
printf '%s %s platterfs keyfile=%s,fstype=ext4 0 2\n' "$SCRATCH/$image" "$SCRATCH/m" "$SCRATCH/key" >fstab

step "clean"
check 0 fsck.platterfs -n "$image"
check 0 fsck -A -a -C
grep -q clean fsck.log || fail "fsck -A: $(cat fsck.log)"

step "damaged, and repaired"
damage
check 4 fsck.platterfs -n "$image"
check 1 fsck -A -a
check 0 fsck.platterfs -f -n "$image"

step "the option fsck of mount"
damage
mount -T fstab -o "fsck" "$SCRATCH/m" >fsck.log 2>&1 || fail "mount -o fsck: $(cat fsck.log)"
umount m
check 0 fsck.platterfs -f -n "$image"

step "a line that is read-only is looked at, and not repaired"
printf '%s %s platterfs keyfile=%s,fstype=ext4,ro 0 2\n' "$SCRATCH/$image" "$SCRATCH/m" "$SCRATCH/key" >fstab
check 0 fsck.platterfs -a "$image"
mount -T fstab -o fsck "$SCRATCH/m" || fail "mount -o ro,fsck"
umount m
damage
check 4 fsck.platterfs -a "$image"
not mount -T fstab -o fsck "$SCRATCH/m" >fsck.log 2>&1 || fail "mounted with errors"
grep -q "fsck.ext4 found what it does not repair" fsck.log || fail "mount -o ro,fsck: $(cat fsck.log)"
check 4 fsck.platterfs -a "$image"
expect_nothing_left m "$image"
printf '%s %s platterfs keyfile=%s,fstype=ext4 0 2\n' "$SCRATCH/$image" "$SCRATCH/m" "$SCRATCH/key" >fstab
check 1 fsck.platterfs -a "$image"

step "refused"
mount -T fstab m
expect_refused 8 "in use: attached or mounted already" fsck.platterfs -n "$image"
umount m
: >fstab
expect_refused 8 "no line of fstab" fsck.platterfs -n "$image"
expect_nothing_left m "$image"

# As systemd does it: in a mount unit's control group, whose name is all that is looked at. To look at
# another line's image could take for ever.
step "the sixth field in a mount unit, and a line whose image nobody answers for"
group=$(findmnt -rno TARGET -t cgroup2 | head -n1)/pfs-$ID.mount
if mkdir "$group" 2>/dev/null; then
    undo "rmdir $group"
    mkdir stuck
    forge_start "$(dirname "$0")/../forge.py" "$SCRATCH/stuck" none stuck
    printf '%s %s platterfs keyfile=%s,fstype=ext4 0 2\n' "$SCRATCH/stuck/a.img" "$SCRATCH/other" "$SCRATCH/key" \
        "$SCRATCH/$image" "$SCRATCH/m" "$SCRATCH/key" >fstab
    mkdir other
    damage
    timeout 20 bash -c 'echo $$ >"$1/cgroup.procs" && exec mount -T fstab "$2"' - "$group" "$SCRATCH/m" \
        >fsck.log 2>&1 || fail "mount: $(cat fsck.log)"
    forge_end stuck
    umount m
    printf '%s %s platterfs keyfile=%s,fstype=ext4 0 2\n' "$SCRATCH/$image" "$SCRATCH/m" "$SCRATCH/key" >fstab
    check 0 fsck.platterfs -n "$image"
else
    skip_part "a mount unit: no control groups"
fi
