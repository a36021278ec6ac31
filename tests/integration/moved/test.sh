#!/bin/bash
# SPDX-License-Identifier: MIT
# Requests that move from lane to lane, large and small and slow ones in every mixture: all are replied
# to, and the daemon ends, also if a lane has given all of its requests away.
. "$(dirname "$0")/../lib.sh"

disk_mount images ext4 512M
image_mapped "$folder/a.img" 64M
for mode in "${MODES[@]}"; do
    step "large, small and slow at once, $mode"
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    for seed in 1 2 3; do
        timeout 30 bursts v/a.img 1 8 $seed
    done
    volumes_unmount "$SCRATCH/v"
done
for mode in "${MODES[@]}"; do
    [[ $mode == *fuse-uring* ]] || continue
    step "the last requests come from one CPU, $mode"
    for round in {1..12}; do
        volumes_mount "$mode,lanes=2,depth=2" "$folder" "$SCRATCH/v"
        daemon=$(daemon_pid "$SCRATCH/v")
        cpu=$((round % $(nproc)))
        for seed in {1..20}; do
            timeout 30 bursts v/a.img 0.01 $((seed % 6 + 2)) $((round * 20 + seed)) $cpu
        done
        taskset -c $cpu timeout 20 "$PLATTERFS" umount "$SCRATCH/v" ||
            fail "round $round: the daemon does not end"
        poll 10 "the daemon to end" process_gone "$daemon"
    done
done
