#!/bin/bash
# SPDX-License-Identifier: MIT
# mount --fs: an ordinary user's filesystem in an image, in one command up and in one down; what was
# synced is in the image; whatever dies or fails on the way, nothing is left.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

# fusermount3 wants somebody who has a name; whom no other case uses.
USER_ID=$(id -u games)
DIR=$SCRATCH/his/d

AS_USER=(env -C "$SCRATCH/his" setpriv "--reuid=$USER_ID" "--regid=$USER_ID" --clear-groups)

as() { # COMMAND...
    "${AS_USER[@]}" timeout 60 "$@"
}

in_namespace() { # COMMAND...
    as unshare --user --map-root-user --mount "$@"
}

# Root cannot look into a user's mount.
mounted() {
    grep -qF " $DIR " /proc/self/mountinfo
}

chain_up() { # IMAGE [OPTION...]
    as "$PLATTERFS" mount --fs "${@:2}" "$1" "$DIR" || fail "mount --fs $*: exit code $?"
    mounted || fail "mount --fs $* returned, and there is no mount"
}

chain_down() {
    as "$PLATTERFS" umount "$DIR" || fail "umount: exit code $?"
    expect_nothing_left
}

# Processes of this case, by name.
processes() { # NAME
    local pid
    for pid in /proc/[0-9]*; do
        if [[ $(cat "$pid/comm") == "$1" ]] && grep -qz "PLATTERFS_TEST_SCRATCH=$SCRATCH" "$pid/environ"; then
            echo "${pid#/proc/}"
        fi
    done 2>/dev/null
}

nothing_left() {
    local name
    not mounted && not grep -q "/platterfs-$USER_ID/" /proc/self/mountinfo || return 1
    for name in platterfs platterfs-chain fuse2fs squashfuse; do
        [[ -z $(processes $name) ]] || return 1
    done
    [[ -z $(ls -A /tmp/platterfs-$USER_ID 2>/dev/null) ]]
}

expect_nothing_left() {
    nothing_left || fail "left: $(grep -E "$SCRATCH|platterfs-$USER_ID" /proc/self/mountinfo)
        $(processes platterfs) $(processes platterfs-chain) $(processes fuse2fs)
        $(ls -A /tmp/platterfs-$USER_ID)"
}

expect_mount_refusal() { # PATTERN ARGUMENT...
    expect_refused 1 "$1" "${AS_USER[@]}" "$PLATTERFS" mount "${@:2}"
    expect_nothing_left
}

# What debugfs and e2fsck say of the volume, decrypted by the reference.
expect_in_image() { # FILE-IN-IT FILE
    reference read his/disk.img vk 0 "$(volume_size his/disk.img)" >plain
    debugfs -R "dump $1 dumped" plain 2>/dev/null
    cmp "$2" dumped || fail "$1 is not in the image as it was written"
}

check_files() {
    step "files, $mode"
    chain_up disk.img -o "$mode,keyfile=$SCRATCH/key"
    as bash -c "mkdir -p d/folder && bytes pattern 1 0 5000000 >d/folder/a && echo hello >d/b"
    chain_down
    chain_up disk.img -o "$mode,keyfile=$SCRATCH/key,ro"
    as cmp d/folder/a ../pattern || fail "the file changed"
    expect_equal "b" "$(as cat d/b)" hello
    not as touch d/new 2>/dev/null || fail "written although ro"
    chain_down
    expect_in_image /folder/a pattern
    e2fsck -fn plain >e2fsck.out 2>&1 || fail "e2fsck: $(cat e2fsck.out)"
}

flushes() {
    as "$PLATTERFS" status --json "$DIR" | jq '[.mounts[].volumes[].flushes] | add'
}

volume_reads() {
    as "$PLATTERFS" status --json "$DIR" | jq '.mounts[].volumes[0].reads'
}

# The driver reads the same blocks for each file that it makes; they come from memory, but not from
# the image's.
check_cached() {
    local before
    step "what the driver reads again"
    chain_up disk.img -o "keyfile=$SCRATCH/key"
    before=$(volume_reads)
    as bash -c 'mkdir d/many && for i in {1..100}; do echo "$i" >"d/many/$i" && chmod 600 "d/many/$i"; done'
    (($(volume_reads) < before + 50)) || fail "100 files took $(($(volume_reads) - before)) reads"
    expect_equal "pages of the image in memory" "$(pages_cached his/disk.img)" 0
    as rm -r d/many
    chain_down
}

# After fsync(2) on a file, everything dies at once.
check_fsync() {
    local before path pids
    step "fsync"
    chain_up disk.img -o "keyfile=$SCRATCH/key"
    before=$(flushes)
    as dd if=../pattern of=d/synced bs=100000 conv=fsync status=none
    (($(flushes) > before)) || fail "fsync on a file did not flush the volume"
    mapfile -t pids < <(processes fuse2fs && processes platterfs && processes platterfs-chain)
    kill -9 "${pids[@]}"
    expect_in_image /synced pattern
    for path in "$DIR" /tmp/platterfs-$USER_ID/place.*/*; do as fusermount3 -uz "$path" || true; done
    rm -rf /tmp/platterfs-$USER_ID
    expect_nothing_left
    # And the user is told to have it checked.
    as "$PLATTERFS" mount --fs -o "keyfile=$SCRATCH/key" disk.img "$DIR" 2>warning
    grep -q '^platterfs: .*disk.img: .*e2fsck' warning || fail "no warning: $(cat warning)"
    chain_down
    as "$PLATTERFS" mount -o "keyfile=$SCRATCH/key" disk.img "$SCRATCH/his/v"
    as e2fsck -fy v/disk.img >e2fsck.out 2>&1 || [[ $? -le 1 ]] || fail "e2fsck: $(cat e2fsck.out)"
    as "$PLATTERFS" umount "$SCRATCH/his/v"
}

check_busy() {
    step "busy"
    chain_up disk.img -o "keyfile=$SCRATCH/key"
    as bash -c 'echo hello >d/b; exec 3<d/b; "$0" umount d 2>said; echo $? >status; [[ $(cat <&3) == hello ]]' \
        "$PLATTERFS" || fail "the open file was taken away"
    expect_equal "exit code" "$(cat his/status)" 1
    grep -q '^platterfs: .*in use' his/said || fail "said: $(cat his/said)"
    expect_equal "lines" "$(wc -l <his/said)" 1
    as cat d/b >/dev/null || fail "the mount does not work after a refused umount"
    chain_down
}

# Its log is in chain.out.
chain_up_logged() {
    "${AS_USER[@]}" "$PLATTERFS" mount -f --fs -o "keyfile=$SCRATCH/key" disk.img "$DIR" >chain.out 2>&1 &
    chain=$!
    poll 10 "the chain to be mounted" mounted
    poll 10 "its socket" eval "ls /tmp/platterfs-$USER_ID/*.chain"
    as dd if=../pattern of=d/copy bs=100000 conv=fsync status=none
}

chain_ended() { # CODE [PATTERN]
    local status=0
    wait $chain || status=$?
    expect_equal "exit code" $status "$1"
    expect_nothing_left
    expect_in_image /copy pattern
    [[ $# -eq 1 ]] || grep -Eq "$2" chain.out || fail "log: $(cat chain.out)"
}

check_deaths() {
    step "the user unmounts the filesystem by himself"
    chain_up_logged
    as fusermount3 -u "$DIR"
    chain_ended 0
    not grep -E 'fuse2fs|daemon' chain.out || fail "log: $(cat chain.out)"
    step "SIGTERM to the driver"
    chain_up_logged
    kill "$(processes fuse2fs)"
    chain_ended 0
    step "SIGKILL to the driver"
    chain_up_logged
    kill -9 "$(processes fuse2fs)"
    chain_ended 1 'fuse2fs ended by signal 9: unmounted'
    step "SIGKILL to the daemon"
    chain_up_logged
    kill -9 "$(processes platterfs)"
    chain_ended 1 'the daemon of .*disk.img was ended by signal 9: unmounted'
    expect_equal "lines about the daemon" "$(grep -c 'signal 9' chain.out)" 1
    step "SIGKILL to the daemon, a file open"
    chain_up_logged
    exec 3< <(as bash -c 'exec 3<d/copy; echo open; exec sleep 20')
    read -r _ <&3
    kill -9 "$(processes platterfs)"
    chain_ended 1 'the daemon of .*disk.img was ended by signal 9: unmounted'
    exec 3<&-
    step "SIGTERM to the keeper"
    chain_up_logged
    kill $chain
    chain_ended 0
    step "SIGKILL to the keeper"
    chain_up_logged
    kill -9 $chain
    poll 10 "the others to end" eval '[[ -z $(processes fuse2fs)$(processes platterfs) ]]'
    not mounted || fail "still mounted"
    rm -rf /tmp/platterfs-$USER_ID
    chain_ended 137
    step "umount after the driver died with the rest"
    expect_refused 1 'not a platterfs mount' "${AS_USER[@]}" "$PLATTERFS" umount "$DIR"
}

# The daemon's flushes fail, not those of the driver, which must not cover it up.
check_lost() {
    local status=0
    step "a flush that fails"
    mkdir his/bin
    printf '#!/bin/sh\nunset LD_PRELOAD\nexec %s "$@"\n' "$(command -v fuse2fs)" >his/bin/fuse2fs
    chmod 755 his/bin/fuse2fs
    as env PATH="$SCRATCH/his/bin:$PATH" LD_PRELOAD="$SCRATCH/libfault.so" PLATTERFS_FAULT="$SCRATCH/his/fault" \
        "$PLATTERFS" mount --fs -o "engine=threads,keyfile=$SCRATCH/key" disk.img "$DIR"
    as dd if=/dev/zero of=d/lost bs=64K count=1 conv=fsync status=none || fail "fsync failed too early"
    touch his/fault.sync
    not as dd if=/dev/zero of=d/lost bs=64K count=1 conv=fsync 2>/dev/null || fail "fsync succeeded"
    rm his/fault.sync
    not as dd if=/dev/zero of=d/lost bs=64K count=1 conv=fsync 2>/dev/null || fail "fsync succeeded when asked twice"
    as "$PLATTERFS" umount "$DIR" 2>refused.err || status=$?
    expect_equal "exit code of umount" $status 1
    grep -q 'the last flush failed' refused.err || fail "said: $(cat refused.err)"
    expect_nothing_left
}

check_failures() {
    step "failures"
    expect_mount_refusal 'passphrase|key' --fs -o "keyfile=$SCRATCH/wrong" disk.img "$DIR"
    truncate -s 8M his/empty.img his/swap.img his/feature.img
    mkswap his/swap.img >/dev/null 2>&1
    mkfs.ext4 -q his/feature.img
    debugfs -w -R "feature FEATURE_I31" his/feature.img >/dev/null 2>&1
    chown $USER_ID his/*.img
    expect_mount_refusal 'no filesystem is known' --fs empty.img "$DIR"
    expect_mount_refusal 'holds swap.*mount -t platterfs' --fs swap.img "$DIR"
    expect_mount_refusal 'holds ext4, not squashfs' --fs=squashfs -o "keyfile=$SCRATCH/key" disk.img "$DIR"
    expect_mount_refusal 'fuse2fs did not mount it: .*feature' --fs feature.img "$DIR"
    expect_mount_refusal 'No such file' --fs nothing.img "$DIR"
    expect_mount_refusal 'no image' --fs . "$DIR"
    expect_mount_refusal 'No such file' --fs empty.img nowhere
    expect_mount_refusal 'Not a directory' --fs empty.img empty.img
    expect_mount_refusal 'not empty' --fs empty.img .
    expect_mount_refusal 'no right to write' --fs empty.img "$SCRATCH"
    expect_mount_refusal 'mounted there already' --fs empty.img /
    expect_refused 2 'unknown' "${AS_USER[@]}" "$PLATTERFS" mount --fs -o nonsense empty.img "$DIR"
    check_no_driver
    step "no access to /dev/fuse"
    install -m 600 /dev/null closed
    expect_refused 1 '/dev/fuse: Permission denied' unshare --mount bash -c \
        'mount --bind closed /dev/fuse && cd his && setpriv --reuid=$0 --regid=$0 --clear-groups "$@"' \
        $USER_ID "$PLATTERFS" mount --fs empty.img "$DIR"
    expect_nothing_left
    step "occupied"
    chain_up disk.img -o "keyfile=$SCRATCH/key"
    expect_refused 1 'mounted there already' "${AS_USER[@]}" "$PLATTERFS" mount --fs empty.img "$DIR"
    chain_down
}

check_no_driver() {
    step "no driver"
    if command -v erofsfuse >/dev/null; then
        skip_part "a driver that is missing: erofsfuse is installed"
        return
    fi
    mkdir tree
    mkfs.erofs his/e.img tree >/dev/null 2>&1 || skip_part "needs mkfs.erofs"
    chmod 644 his/e.img
    expect_refused 1 'erofsfuse, which is not installed' "${AS_USER[@]}" "$PLATTERFS" mount --fs=erofs e.img "$DIR"
    expect_refused 1 'erofsfuse, which is not installed' "${AS_USER[@]}" "$PLATTERFS" mount --fs -o ro e.img "$DIR"
    expect_nothing_left
}

# An image of others, with a name that means something to mount options.
check_squashfs() {
    local image='s,q u=a\sh.img'
    step "squashfs"
    mkdir squashed
    cp pattern squashed/a
    mksquashfs squashed "his/$image" -quiet -no-progress >/dev/null
    chmod 444 "his/$image"
    as "$PLATTERFS" mount --fs "$image" "$DIR" 2>warning || fail "exit code $?"
    grep -q 'write-protected' warning || fail "no warning: $(cat warning)"
    as cmp d/a ../pattern || fail "not what was put in"
    not as touch d/new 2>/dev/null || fail "written"
    chain_down
    chain_up "$image" -o ro
    kill "$(processes squashfuse)"
    poll 10 "everything to end" nothing_left
}

check_namespace() {
    step "in a user namespace"
    in_namespace true 2>/dev/null || { skip_part "user namespaces are not allowed"; return; }
    in_namespace bash -c '
        set -e
        "$1" mount --fs -o "keyfile=$2/key" disk.img d
        cp ../pattern d/inside
        "$1" status --json | jq -e ".mounts | length == 1" >/dev/null
        not() { ! "$@"; }
        (cd d && not "$1" umount ../d 2>/dev/null)
        "$1" umount d
        "$1" mount --fs -o "keyfile=$2/key" disk.img d
        cmp d/inside ../pattern
        umount d' chain "$PLATTERFS" "$SCRATCH" || fail "exit code $?"
    poll 10 "everything to end" nothing_left
    expect_in_image /inside pattern
}

check_root() {
    step "as root, for all"
    "$PLATTERFS" mount --fs -o "keyfile=$SCRATCH/key,allow_other" his/disk.img "$DIR"
    install -m 600 pattern his/d/roots
    install -m 644 pattern his/d/all
    as cmp d/all ../pattern || fail "allow_other, and another cannot read"
    not as cat d/roots >/dev/null 2>&1 || fail "another reads what is root's"
    "$PLATTERFS" umount "$DIR"
    expect_nothing_left
}

tools_needed cryptsetup setpriv fusermount3 fuse2fs mkfs.ext4 debugfs squashfuse mksquashfs
key_new key
key_new wrong
bytes pattern 1 0 5000000 >pattern
chmod 644 key wrong pattern
mkdir his his/d his/v
# Where others may execute them; and /dev/fuse as udev has it everywhere.
install -m 755 "$PLATTERFS" "$(command -v bytes)" "$(dirname "$(command -v bytes)")/libfault.so" .
PLATTERFS=$SCRATCH/platterfs
PATH=$SCRATCH:$PATH
undo "chmod $(stat -c %a /dev/fuse) /dev/fuse"
undo "umount -ql /tmp/platterfs-$USER_ID/place.*/* || true; rm -rf /tmp/platterfs-$USER_ID"
chmod 666 /dev/fuse
luks_new his/disk.img 64M luks2 --sector-size 4096
chown -R $USER_ID:$USER_ID his
volume_key his/disk.img vk
as "$PLATTERFS" mount -o "keyfile=$SCRATCH/key" disk.img "$SCRATCH/his/v"
as mkfs.ext4 -q -F -b 4096 v/disk.img
as "$PLATTERFS" umount "$SCRATCH/his/v"
for mode in "${MODES[@]}"; do
    check_files
done
check_cached
check_busy
check_fsync
check_deaths
check_lost
check_failures
check_squashfs
check_namespace
check_root
