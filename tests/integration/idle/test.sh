#!/bin/bash
# SPDX-License-Identifier: MIT
# A mount that nobody uses costs no CPU time and wakes nobody, also after a load that made its lanes
# spin; and it holds no more memory than is promised.
. "$(dirname "$0")/../lib.sh"

WINDOW=5 # seconds

# Context switches of all threads, and their CPU time in ticks.
spent() { # PID
    cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { printf "%d ", n }'
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

# A thread that was about to sleep may still be.
settled() { # PID
    local before
    before=$(spent "$1")
    sleep 0.3
    [[ $(spent "$1") == "$before" ]]
}

zram_mount images 256M
image_mapped "$folder/a.img" 64M
for mode in "${MODES[@]}"; do
    step "$mode"
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    daemon=$(daemon_pid "$SCRATCH/v")
    fio --name=load --filename=v/a.img --direct=1 --ioengine=psync --rw=randread --bs=4k --size=64M \
        --runtime=1 --time_based --output=/dev/null
    exec 9<>v/a.img
    poll 10 "the daemon to rest" settled "$daemon"
    before=$(spent "$daemon")
    sleep $WINDOW # what is measured
    expect_equal "context switches and CPU ticks of $WINDOW s" "$(spent "$daemon")" "$before"
    resident=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/$daemon/status")
    ((resident <= 64 * 1024)) || fail "$resident KiB are resident, more than 64 MiB"
    exec 9>&-
    volumes_unmount "$SCRATCH/v"
done
