#!/bin/bash
# SPDX-License-Identifier: MIT
# A session minds its own mount only, and ends as it should: mounts over one another, bound elsewhere
# or at the image itself, commands that gave up waiting, and a start with little to start from.
. "$(dirname "$0")/../lib.sh"

# SIGTERM to the daemon below must not take the mount above it.
check_stack() {
    volumes_mount_logged below rw folder "$SCRATCH/v"
    volumes_mount rw other "$SCRATCH/v"
    kill -TERM "$daemon"
    poll 5 "the daemon below to say that it cannot" grep -q 'unmount:' below.log
    cmp v/b.img other/b.img
    timeout 10 "$PLATTERFS" umount v
    cmp v/a.img folder/a.img
    kill -TERM "$daemon"
    wait "$daemon"
    not mountpoint -q v || fail "still mounted"
}

check_bind() {
    mkdir -p elsewhere
    volumes_mount rw folder "$SCRATCH/v"
    mount --bind v elsewhere
    timeout 10 "$PLATTERFS" umount v
    not mountpoint -q v || fail "still mounted"
    cmp elsewhere/a.img folder/a.img
    timeout 10 "$PLATTERFS" umount elsewhere
}

# A container that was started meanwhile keeps the mount: umount waits, and says what for.
check_namespace() {
    local waiting
    volumes_mount rw folder "$SCRATCH/v"
    coproc elsewhere { unshare --mount --propagation private sh -c 'echo ready; read -r _; exit 0'; }
    read -r _ <&"${elsewhere[0]}"
    "$PLATTERFS" umount v 2>waiting.err &
    waiting=$!
    poll 10 "umount to say what it waits for" grep -q 'another mount namespace' waiting.err
    kill -0 $waiting || fail "umount did not wait"
    echo >&"${elsewhere[1]}"
    wait $waiting || fail "umount: $(cat waiting.err)"
}

check_itself() {
    expect_refused 1 "the image itself" "$PLATTERFS" mount folder/a.img folder/a.img
    # A mount below its own source: the daemon must not enter it.
    mkdir -p folder/below
    volumes_mount rw folder "$SCRATCH/folder/below"
    timeout 10 ls folder/below/below 2>/dev/null && fail "a folder is no image"
    timeout 10 cmp folder/below/a.img folder/a.img
    timeout 10 "$PLATTERFS" status --json folder/below >/dev/null
    volumes_unmount "$SCRATCH/folder/below"
    rmdir folder/below
    : >file
    platterfs mount folder/a.img file
    cmp file folder/a.img
    platterfs umount file
}

# Each left a waiter behind; the last one must still hear the truth.
check_gave_up() {
    local i
    volumes_mount rw folder "$SCRATCH/v"
    exec 7<v/a.img
    for i in {1..20}; do
        expect_refused 1 "in use" "$PLATTERFS" umount v
    done
    exec 7<&-
    volumes_unmount "$SCRATCH/v"
}

check_closed_descriptors() {
    mkdir -p v
    timeout 10 "$PLATTERFS" mount folder "$SCRATCH/v" <&- >&- 2>&-
    cmp v/a.img folder/a.img
    volumes_unmount "$SCRATCH/v"
}

# Where only a little memory may be locked, as in a container, it works all the same.
check_locked_memory() {
    local limit
    for limit in 65536 8388608; do
        prlimit --memlock=$limit:$limit setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock \
            "$PLATTERFS" mount -o "$1" folder "$SCRATCH/v"
        cmp v/a.img folder/a.img
        expect_equal "memory_locked" "$(status_field "$SCRATCH/v" .memory_locked)" false
        volumes_unmount "$SCRATCH/v"
    done
}

# One volume takes long to open; neither another nor status waits for it.
check_slow_open() {
    export PLATTERFS_FAULT=$SCRATCH/fault
    volumes_mount_logged daemon engine=threads folder "$SCRATCH/v" \
        env LD_PRELOAD="$(dirname "$(command -v bytes)")/libfault.so"
    : >fault.slow
    exec 7<>v/a.img &
    local opening=$!
    poll 5 "the open to reach the disk" test -s fault.slowed
    timeout 5 stat v/c.img >/dev/null || fail "stat waits"
    timeout 5 "$PLATTERFS" status v >/dev/null || fail "status waits"
    rm fault.slow
    wait $opening
    volumes_unmount "$SCRATCH/v"
}

mkdir folder other
image_mapped folder/a.img 1M
image_mapped folder/c.img 1M
image_mapped other/b.img 1M
bytes write folder/a.img 0 1048576 1
bytes write other/b.img 0 1048576 2
step "mounts over one another"
check_stack
step "bound elsewhere"
check_bind
step "in another mount namespace"
check_namespace
step "at the image itself, below the source, at a file"
check_itself
step "commands that gave up"
check_gave_up
step "closed descriptors"
check_closed_descriptors
for mode in "${MODES[@]}"; do
    step "little memory may be locked, $mode"
    check_locked_memory "$mode"
done
step "a slow open"
check_slow_open
