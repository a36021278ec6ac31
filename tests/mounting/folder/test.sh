#!/bin/bash
# SPDX-License-Identifier: MIT
# The line of a folder of images (fuse.platterfs) goes through mount(8) and umount(8), with all the
# options that may stand in fstab; umount returns when the daemon has flushed.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

[[ -x /sbin/mount.fuse ]] || skip "needs mount.fuse"
helpers_install
# mount(8) empties PATH, and mount.fuse then finds what the shell looks for by itself.
[[ ! -e /usr/local/bin/platterfs ]] || skip "/usr/local/bin/platterfs is there"
undo "rm -f /usr/local/bin/platterfs"
ln -s "$PLATTERFS" /usr/local/bin/platterfs
mkdir images v
image_mapped images/a.img 1M
printf '%s %s fuse.platterfs %s 0 0\n' "$SCRATCH/images" "$SCRATCH/v" \
    allow_other,nofail,_netdev,nosuid,nodev,user,x-systemd.after=foo,noatime,lazytime >fstab

step "mount -a, twice"
mount -a -T fstab
mount -a -T fstab
expect_equal "number of mounts" "$(grep -c " $SCRATCH/v " /proc/self/mountinfo)" 1
bytes write v/a.img 0 100000 5
pid=$(daemon_pid "$SCRATCH/v")

step "umount"
exec 7<v/a.img
expect_refused 32 "in use" umount v
exec 7<&-
umount v
poll 5 "the daemon to end" process_gone "$pid"
expect_nothing_left v
bytes check images/a.img 0 100000 5

step "each option of mount(8)"
for option in owner group users iversion silent loud nosymfollow mand relatime nodiratime sync dirsync \
    exec,dev,suid auto user=root nouser rw,ro defaults; do
    mount -t fuse.platterfs -o "$option" images v || fail "option $option"
    umount v
done
