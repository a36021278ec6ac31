#!/bin/bash
# SPDX-License-Identifier: MIT
# A folder's images appear as volumes with the images' size, owner and mode; what is written at any
# offset and size is in the image; `platterfs umount` returns when the device has been flushed.
. "$(dirname "$0")/../lib.sh"

images_make() {
    image_mapped "$folder/a.img" 8M
    image_mapped "$folder/b c.img" 64K
    chmod 640 "$folder/b c.img"
    chown 65534:65534 "$folder/b c.img"
}

check_names() {
    expect_equal "list of volumes" "$(cd v && ls)" $'a.img\nb c.img'
    expect_equal "size, owner, mode" "$(stat -c '%s %u %g %a %F' v/*)" \
        "$(stat -c '%s %u %g %a %F' "$folder"/*.img)"
    expect_equal "type of the mount point" "$(stat -c %F v)" directory
}

# Each size at an aligned and an odd place; a new seed each time, so that stale bytes show.
check_writes() {
    local size offset seed=100
    for size in 1 511 512 513 4096 5000 65536 131072 524288 1048576 1049088 3000001; do
        for offset in 0 4096 1049600 3001; do
            bytes write v/a.img $offset $size $((++seed))
            bytes check v/a.img $offset $size $seed
            bytes check "$folder/a.img" $offset $size $seed
        done
    done
    bytes write v/a.img 8192 1048576 7 direct
    bytes check "$folder/a.img" 8192 1048576 7
    bytes write v/a.img 16384 1048576 8 dsync
    bytes check "$folder/a.img" 16384 1048576 8
    expect_same_bytes v/a.img "$folder/a.img"
}

check_status() {
    local engine=${mode#engine=} transport=dev
    engine=${engine%%,*}
    [[ $mode != *transport=* ]] || transport=${mode#*transport=}
    platterfs status --json v >status.json
    expect_equal "mounts in the status" "$(jq '.mounts | length' status.json)" 1
    jq -e --arg mountpoint "$SCRATCH/v" --arg source "$folder" --arg engine "$engine" \
        --arg transport "$transport" '
        .mounts[0] | .mountpoint == $mountpoint and .source == $source and .engine == $engine
            and .transport == $transport
            and .lanes >= 1 and .memory_bytes > 0 and (.volumes | length) >= 1' status.json >/dev/null ||
        fail "status --json: $(cat status.json)"
    jq -e '.mounts[0].volumes[] | select(.name == "a.img")
        | (.state | IN("closed", "open")) and .size == 8388608
            and .reads > 0 and .writes > 0 and .read_bytes > 0 and .write_bytes > 0
            and .errors == 0 and .last_error == null and (.flushes | type) == "number"
            and (.latency_us | has("p50") and has("p99") and has("p999"))' status.json >/dev/null ||
        fail "status --json: $(cat status.json)"
    platterfs status v | grep -q a.img || fail "status does not name the volume"
}

check_umount_flushes() {
    local flushes pid
    pid=$(daemon_pid "$SCRATCH/v")
    [[ -n $pid ]] || fail "no daemon serves $SCRATCH/v"
    flushes=$(disk_flushes "$disk")
    bytes write v/a.img 0 1048576 99
    volumes_unmount "$SCRATCH/v"
    (($(disk_flushes "$disk") > flushes)) || fail "umount did not flush the device"
    poll 5 "the daemon to end" process_gone "$pid"
    bytes check "$folder/a.img" 0 1048576 99
}

check_single() {
    step "one image, at a folder and at a file"
    volumes_mount "$mode" "$folder/a.img" "$SCRATCH/v"
    expect_equal "list of volumes" "$(ls v)" a.img
    bytes write v/a.img 1000 100000 55
    volumes_unmount "$SCRATCH/v"
    bytes check "$folder/a.img" 1000 100000 55
    : >file
    volumes_mount "$mode" "$folder/a.img" "$SCRATCH/file"
    expect_equal "the volume" "$(stat -c '%s %F' file)" "8388608 regular file"
    bytes check file 1000 100000 55
    bytes write file 5 100000 56
    volumes_unmount "$SCRATCH/file"
    bytes check "$folder/a.img" 5 100000 56
    expect_equal "the file underneath" "$(stat -c %s file)" 0
}

disk_mount images ext4 64M
images_make
for mode in "${MODES[@]}"; do
    step "a folder, $mode"
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    check_names
    check_writes
    check_status
    check_umount_flushes
    check_single
done
step "without the word mount, and umount(8)"
platterfs "$folder" "$SCRATCH/v"
expect_equal "list of volumes" "$(cd v && ls)" $'a.img\nb c.img'
bytes write v/a.img 0 4096 77
umount v
bytes check "$folder/a.img" 0 4096 77
