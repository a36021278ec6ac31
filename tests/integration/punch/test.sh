#!/bin/bash
# SPDX-License-Identifier: MIT
# A hole that is punched beside small writes into the same 4096-byte block stays punched, and takes
# nothing but its own bytes: writes that read the block before must not put it back.
. "$(dirname "$0")/../lib.sh"

disk_mount images ext4 64M --sector-size=4096
image_mapped "$folder/a.img" 1M
for policy in punch zero; do
    for mode in "${MODES[@]}"; do
        step "discard=$policy, $mode"
        volumes_mount "$mode,discard=$policy" "$folder" "$SCRATCH/v"
        python3 "$CASE/race.py" v/a.img 1500
        volumes_unmount "$SCRATCH/v"
        python3 "$CASE/race.py" --check "$folder/a.img"
    done
done
