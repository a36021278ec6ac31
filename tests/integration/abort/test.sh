#!/bin/bash
# SPDX-License-Identifier: MIT
# When the connection is aborted under load (fusectl), the daemon ends by itself, whichever lane sees
# it first: else it would hold the locks of its images for ever, and never flush them.
. "$(dirname "$0")/../lib.sh"

abort_under_load() { # OPTIONS
    local load number
    volumes_mount_logged daemon "$1" folder "$SCRATCH/v"
    number=$(awk -v point="$SCRATCH/v" '$5 == point { sub(".*:", "", $3); print $3 }' /proc/self/mountinfo)
    fio --name=load --filename=v/a.img --direct=1 --ioengine=libaio --rw=randrw --bsrange=512-256k \
        --iodepth=32 --size=16M --time_based --runtime=60 >/dev/null 2>&1 &
    load=$!
    poll 10 "the load to begin" under_load
    echo 1 >"connections/$number/abort"
    wait "$load" || true
    poll 10 "the daemon to end" process_gone "$daemon"
    umount -l v
}

under_load() {
    (($(status_field "$SCRATCH/v" '.volumes[0].reads') > 100))
}

mkdir folder connections
mount -t fusectl fusectl connections
image_mapped folder/a.img 16M
for options in "${MODES[@]}" engine=io_uring,lanes=8,depth=2 engine=io_uring,lanes=2,depth=1; do
    for round in {1..4}; do
        step "$options, round $round"
        abort_under_load "$options"
    done
done
