#!/bin/bash
# SPDX-License-Identifier: MIT
# Images on ext4, xfs and btrfs (copy-on-write and not), on disks of 512- and 4096-byte sectors:
# mapped, sparse and unwritten ones all hold what was written through the volume.
. "$(dirname "$0")/../lib.sh"

images_make() {
    mkdir "$folder/i"
    [[ $kind != btrfs-nocow ]] || chattr +C "$folder/i"
    image_mapped "$folder/i/mapped" 2M
    image_sparse "$folder/i/sparse" 2097153
    fallocate -l 2M "$folder/i/unwritten"
    sync -f "$folder"
}

check_volumes() {
    local name
    for name in mapped sparse unwritten; do
        random_io.py "v/$name" "$folder/i/$name" 200 "$sector"
        scatter --depth=8 --min=1 --max=3000 "v/$name" 100001 500000 $((++seed))
        bytes check "$folder/i/$name" 100001 500000 $seed
    done
}

seed=0
for kind in ext4 xfs btrfs-cow btrfs-nocow; do
    for sector in 512 4096; do
        disk_mount "$kind-$sector" "${kind%-*}" 512M --sector-size "$sector"
        images_make
        for mode in "${MODES[@]}"; do
            step "$kind, $sector-byte sectors, $mode"
            volumes_mount "$mode" "$folder/i" "$SCRATCH/v"
            check_volumes
            volumes_unmount "$SCRATCH/v"
        done
        umount "$folder"
        losetup -d "$disk"
        rm "$folder.disk"
    done
done
