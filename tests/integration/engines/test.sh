#!/bin/bash
# SPDX-License-Identifier: MIT
# engine=auto takes io_uring where it may, threads where io_uring is forbidden (a container's seccomp
# filter, the sysctl); asking for io_uring there is refused in one clear line.
. "$(dirname "$0")/../lib.sh"

expect_engine() { # ENGINE OPTIONS [COMMAND PREFIX...]
    local wanted=$1 options=$2
    "${@:3}" timeout 30 "$PLATTERFS" mount -o "$options" "$folder" "$SCRATCH/v" || fail "mount -o $options"
    expect_equal "engine of '${*:3} mount -o $options'" "$(status_field "$SCRATCH/v" .engine)" "$wanted"
    bytes write v/a.img 1000 100000 $((++seed)) dsync
    volumes_unmount "$SCRATCH/v"
    bytes check "$folder/a.img" 1000 100000 $seed
}

expect_forbidden() { # [COMMAND PREFIX...]
    expect_refused 1 "io_uring" "$@" "$PLATTERFS" mount -o engine=io_uring "$folder" "$SCRATCH/v"
    not mountpoint -q v || fail "something is mounted"
}

seed=0
disk_mount images ext4 64M
image_mapped "$folder/a.img" 1M
mkdir v
if [[ ${MODES[0]} == engine=io_uring* ]]; then
    step "io_uring allowed"
    expect_engine io_uring engine=auto
    expect_engine io_uring rw
    expect_engine io_uring engine=io_uring
    expect_engine threads engine=threads
fi
# With fuse-uring, FORGET comes another way than requests: a thread waits for it as long as the mount
# is there.
if [[ ${MODES[0]} == *fuse-uring ]]; then
    step "FORGET arrives"
    volumes_mount "${MODES[0]}" "$folder" "$SCRATCH/v"
    pid=$(daemon_pid "$SCRATCH/v")
    bytes check v/a.img 1000 100000 $seed
    stat v/a.img >/dev/null
    echo 2 >/proc/sys/vm/drop_caches
    stat v/a.img >/dev/null
    grep -qx forget /proc/"$pid"/task/*/comm || fail "nobody waits for FORGET"
    volumes_unmount "$SCRATCH/v"
fi
for error in EPERM ENOSYS; do
    step "io_uring forbidden by seccomp, $error"
    expect_engine threads engine=auto deny-io-uring $error
    expect_engine threads rw deny-io-uring $error
    expect_engine threads engine=threads deny-io-uring $error
    expect_forbidden deny-io-uring $error
done
switch=/proc/sys/kernel/io_uring_disabled
if [[ -w $switch ]]; then
    step "io_uring forbidden by kernel.io_uring_disabled"
    undo "echo $(cat $switch) >$switch"
    echo 2 >$switch
    expect_engine threads engine=auto
    expect_forbidden
else
    skip_part "this kernel has no kernel.io_uring_disabled"
fi
