#!/bin/bash
# SPDX-License-Identifier: MIT
# An ordinary user's encrypted disk, without root anywhere: creates it, mounts it, makes a filesystem
# on it, mounts that, works, takes all down, and finds everything again. And types the passphrase at
# a terminal.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

USER_ID=65534

as() { # COMMAND...
    (cd his && setpriv --reuid=$USER_ID --regid=$USER_ID --clear-groups timeout 60 "$@")
}

# Root cannot look into a user's mount.
mounted() { # FOLDER OF HIS
    grep -qF " $SCRATCH/his/$1 " /proc/self/mountinfo
}

# Argon2 as cheap as it may be: of memory as much as create can be told.
create_cost() {
    cost=(--pbkdf argon2id --pbkdf-force-iterations 4)
    if "$PLATTERFS" create --help | grep -q -- '--pbkdf-memory'; then cost+=(--pbkdf-memory 32768); fi
}

check_create() {
    step "creates"
    as "$PLATTERFS" create --type luks2 --size 48M --key-file ../key "${cost[@]}" disk.img
    expect_equal "owner" "$(stat -c %u his/disk.img)" $USER_ID
    expect_equal "mode" "$(stat -c %a his/disk.img)" 600
    quietly cryptsetup luksDump his/disk.img
    grep -q argon2id cryptsetup.out || fail "not argon2id: $(cat cryptsetup.out)"
    cryptsetup_opens his/disk.img --key-file key || fail "cryptsetup does not open it"
}

disk_up() {
    as "$PLATTERFS" mount -o "$mode,keyfile=$SCRATCH/key" disk.img "$SCRATCH/his/v"
    mounted v || fail "no mount"
}

disk_down() {
    as "$PLATTERFS" umount "$SCRATCH/his/v"
    not mounted v || fail "still mounted"
}

filesystem_up() {
    as fuse2fs -o rw,fakeroot v/disk.img "$SCRATCH/his/fs" >fuse2fs.out 2>&1 ||
        fail "fuse2fs: $(cat fuse2fs.out)"
    poll 10 "fuse2fs to serve" mounted fs
}

# It has written everything when its process has ended, which is after the unmount.
filesystem_down() {
    as fusermount3 -u "$SCRATCH/his/fs"
    poll 10 "fuse2fs to end" fuse2fs_gone
}

fuse2fs_gone() {
    local pid
    for pid in /proc/[0-9]*; do
        if [[ $(cat "$pid/comm") == fuse2fs ]] &&
            grep -qz "PLATTERFS_TEST_SCRATCH=$SCRATCH" "$pid/environ"; then
            return 1
        fi
    done 2>/dev/null
}

check_filesystem() {
    step "a filesystem on it, $mode"
    disk_up
    as mkfs.ext4 -q -F v/disk.img
    filesystem_up
    as bash -c "mkdir fs/folder && bytes pattern 1 0 5000000 >fs/folder/a && echo hello >fs/b"
    filesystem_down
    disk_down
    step "and again, $mode"
    expect_mount_refused_to_him wrong
    disk_up
    as e2fsck -fn v/disk.img >e2fsck.out 2>&1 || fail "e2fsck: $(cat e2fsck.out)"
    filesystem_up
    as cat fs/folder/a | cmp - <(bytes pattern 1 0 5000000) || fail "the file changed"
    expect_equal "b" "$(as cat fs/b)" hello
    filesystem_down
    disk_down
}

# What is on the disk is a filesystem only with the key.
check_encrypted() {
    step "what is on the disk"
    volume_key his/disk.img vk
    reference read his/disk.img vk 0 "$(volume_size his/disk.img)" >plain
    e2fsck -fn plain >e2fsck.out 2>&1 || fail "e2fsck of the independent decryption: $(cat e2fsck.out)"
    if grep -aq lost+found his/disk.img; then fail "plaintext in the image"; fi
}

expect_mount_refused_to_him() { # KEYFILE
    local status=0
    as "$PLATTERFS" mount -o "keyfile=$SCRATCH/$1" disk.img "$SCRATCH/his/v" 2>err || status=$?
    expect_equal "exit code" $status 1
    expect_equal "lines" "$(wc -l <err)" 1
    not mounted v || fail "mounted"
}

check_terminal() {
    step "at a terminal, $mode"
    cp key typed
    echo >>typed
    as at_terminal ../typed "$PLATTERFS" mount -o "$mode" disk.img "$SCRATCH/his/v" >shown ||
        fail "exit code $? at the terminal: $(cat shown)"
    mounted v || fail "no mount: $(cat shown)"
    grep -qi 'passphrase.*disk.img' shown || fail "the prompt does not name the image: $(cat shown)"
    not grep -qF "$(cat key)" shown || fail "the passphrase was shown"
    as bytes check v/disk.img 0 1024 0 # before ext4's superblock
    disk_down
    check_terminal_wrong
}

check_terminal_wrong() {
    local status=0
    printf 'wrong\nwrong\nwrong\nwrong\nwrong\n' >typed
    as at_terminal ../typed "$PLATTERFS" mount -o "$mode" disk.img "$SCRATCH/his/v" >shown || status=$?
    expect_equal "exit code after wrong passphrases" $status 1
    grep -q '^platterfs: .*passphrase' shown || fail "shown: $(cat shown)"
    not mounted v || fail "mounted with a wrong passphrase"
}

# The passphrase of a new image is asked twice, and must be the same.
check_terminal_create() {
    step "create at a terminal"
    { cat key && echo && cat key && echo; } >typed
    as at_terminal ../typed "$PLATTERFS" create --type luks2 --size 20M "${COST[@]}" new.img >shown ||
        fail "exit code $?: $(cat shown)"
    cryptsetup_opens his/new.img --key-file key || fail "another passphrase: $(cat shown)"
    { cat key && echo && echo other; } >typed
    not as at_terminal ../typed "$PLATTERFS" create --type luks2 --size 20M "${COST[@]}" other.img >shown ||
        fail "created with two different passphrases"
    [[ ! -e his/other.img ]] || fail "an image was left behind"
    rm his/new.img
}

tools_needed cryptsetup setpriv fusermount3 fuse2fs mkfs.ext4
key_new key
key_new wrong
chmod 644 key wrong
mkdir his his/v his/fs
chown -R $USER_ID:$USER_ID his
# Where others may execute them; and /dev/fuse as udev has it everywhere.
install -m 755 "$PLATTERFS" "$(command -v bytes)" "$INTEROP/tools/at_terminal" .
PLATTERFS=$SCRATCH/platterfs
PATH=$SCRATCH:$PATH
undo "chmod $(stat -c %a /dev/fuse) /dev/fuse"
chmod 666 /dev/fuse
create_cost
check_create
for mode in "${MODES[@]}"; do
    check_filesystem
    check_encrypted
    check_terminal
done
check_terminal_create
