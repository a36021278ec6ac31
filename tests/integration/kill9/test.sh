#!/bin/bash
# SPDX-License-Identifier: MIT
# The daemon killed (SIGKILL) under load: everything whose fsync returned is in the image, every other
# block is the old or the new one; mounting over the dead mount works at once.
. "$(dirname "$0")/../lib.sh"

ROUNDS=6
SIZE=$((64 * 1024 * 1024))

acknowledged() {
    tail -n 1 acks
}

under_way() { # COUNT
    (($(wc -l <acks) >= $1))
}

round() { # SEED OLD-SEED SCATTER-OPTION...
    local seed=$1 old=$2 pid writer last
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    pid=$(daemon_pid "$SCRATCH/v")
    : >acks
    scatter --ordered --sync=fsync --acks "${@:3}" v/a.img 0 $SIZE "$seed" >acks 2>scatter.log &
    writer=$!
    poll 10 "the writer to be under way" under_way $((2 + RANDOM % 20))
    kill -9 "$pid"
    not wait "$writer" || fail "the writer did not notice that the daemon died"
    poll 5 "the daemon to be gone" process_gone "$pid"
    last=$(acknowledged)
    bytes check "$folder/a.img" 0 "$last" "$seed"
    bytes check "$folder/a.img" "$last" $((SIZE - last)) "$seed" "$old"
    expect_errno "ENOTCONN|ECONNABORTED" bytes open v/a.img r
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    bytes check v/a.img 0 "$last" "$seed"
    scatter --depth=8 --min=100000 --max=1000000 --sync=fsync v/a.img 0 $SIZE "$seed"
    volumes_unmount "$SCRATCH/v"
    not mountpoint -q v || umount v # the dead one underneath, should it be there still
    echo "   killed after $last bytes were acknowledged"
}

seed=0
disk_mount images ext4 128M
image_mapped "$folder/a.img" $SIZE
for mode in "${MODES[@]}"; do
    for ((i = 0; i < ROUNDS; i += 2)); do
        step "small requests, $mode"
        round $((seed + 1)) $seed --depth=1 --every=4 --min=4096 --max=4096
        step "large requests at depth 8, $mode"
        round $((seed + 2)) $((seed + 1)) --depth=8 --every=16 --min=1 --max=200000
        seed=$((seed + 2))
    done
done
