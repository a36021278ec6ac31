#!/bin/bash
# SPDX-License-Identifier: MIT
# A daemon that does not answer holds up nobody but its own users: others mount, tell their status and
# unmount beside it, and what a killed daemon leaves behind is in nobody's way.
. "$(dirname "$0")/../lib.sh"

mkdir folder
image_mapped folder/a.img 64K
volumes_mount rw folder "$SCRATCH/stuck"
volumes_mount rw folder "$SCRATCH/other"
stuck=$(daemon_pid "$SCRATCH/stuck")
step "beside a stopped daemon"
kill -STOP "$stuck"
timeout 10 "$PLATTERFS" status --json "$SCRATCH/other" >status.json || fail "status of another mount: $?"
expect_equal "mount point" "$(jq -r '.mounts[0].mountpoint' status.json)" "$SCRATCH/other"
timeout 20 "$PLATTERFS" status >status.txt || fail "status of all mounts: $?"
grep -q "$SCRATCH/other" status.txt || fail "status of all mounts does not name the other one"
timeout 10 "$PLATTERFS" umount "$SCRATCH/other" || fail "umount of another mount: $?"
volumes_mount rw folder "$SCRATCH/other"
volumes_unmount "$SCRATCH/other"
kill -CONT "$stuck"
volumes_unmount "$SCRATCH/stuck"
step "after a killed daemon"
volumes_mount rw folder "$SCRATCH/stuck"
kill -9 "$(daemon_pid "$SCRATCH/stuck")"
volumes_mount rw folder "$SCRATCH/other"
expect_equal "engine" "$(status_field "$SCRATCH/other" '.engine | length > 0')" true
volumes_unmount "$SCRATCH/other"
umount stuck
