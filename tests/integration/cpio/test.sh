#!/bin/bash
# SPDX-License-Identifier: MIT
# Several hundred MB copied with cpio into a filesystem on a loop device on a volume arrive whole; the
# rate of each second is printed, for the eye.
. "$(dirname "$0")/../lib.sh"

FILES=100

tree_make() {
    local i
    mkdir -p memory
    mount -t tmpfs none memory
    mkdir memory/tree
    for ((i = 0; i < FILES; i++)); do
        bytes pattern $((i + 1)) 0 $((3000000 + i)) >"memory/tree/$i"
    done
    (cd memory/tree && sha256sum -- *) >tree.sums
}

# What the image's disk was given each second.
rates_print() {
    local before now
    before=$(awk '{ print $7 }' "$(disk_stat "$disk")")
    while sleep 1; do # the interval, not a wait
        now=$(awk '{ print $7 }' "$(disk_stat "$disk")")
        echo "   $(((now - before) / 2048)) MB/s"
        before=$now
    done
}

copy() {
    local rates
    loop_new v/a.img --direct-io=on
    mkfs.ext4 -q -F "$loop"
    mount "$loop" inner
    rates_print &
    rates=$!
    (cd memory && find tree -print | cpio -pdm --quiet "$SCRATCH/inner")
    sync -f inner
    kill $rates
    umount inner
    loop_end "$loop"
}

check() { # FILE
    loop_new "$1"
    e2fsck -fn "$loop" >e2fsck.log 2>&1 || fail "e2fsck"
    mount -o ro "$loop" inner
    (cd inner/tree && sha256sum --quiet -c "$SCRATCH/tree.sums")
    umount inner
    loop_end "$loop"
}

mkdir inner
tree_make
disk_mount images ext4 640M
for mode in "${MODES[@]}"; do
    step "$mode"
    image_mapped "$folder/a.img" 448M # or a lost write might find its bytes there from the last round
    volumes_mount "$mode" "$folder" "$SCRATCH/v"
    copy
    volumes_unmount "$SCRATCH/v"
    expect_equal "cached pages of the image" "$(pages_cached "$folder/a.img")" 0
    check "$folder/a.img"
done
