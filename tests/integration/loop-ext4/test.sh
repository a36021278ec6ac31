#!/bin/bash
# SPDX-License-Identifier: MIT
# A filesystem on a loop device on a volume survives everything being taken apart and put together
# again, by us with the other engine and without us: clean by e2fsck, every file's checksum equal.
. "$(dirname "$0")/../lib.sh"

sums() { # FOLDER
    (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

tree_make() {
    mkdir tree
    cp -a /usr/include/[a-m]* tree/
    bytes pattern 3 0 30000001 >tree/large
    sums tree >tree.sums
}

fill() { # LOSETUP-OPTION...
    loop_new v/a.img "$@"
    mkfs.ext4 -q -F "$loop"
    mount "$loop" inner
    cp -a tree inner/
    sync -f inner
    finish
}

finish() {
    umount inner
    e2fsck -fn "$loop" >e2fsck.log 2>&1 || fail "e2fsck"
    loop_end "$loop"
}

check() { # FILE LOSETUP-OPTION...
    loop_new "$@"
    mount -o ro "$loop" inner
    sums inner/tree | cmp - tree.sums || fail "files differ"
    finish
}

check_round() { # MODE OTHER-MODE LOSETUP-OPTION...
    step "$1, losetup ${*:3}"
    image_mapped "$folder/a.img" 256M # or a lost write might find its bytes there from the last round
    volumes_mount "$1" "$folder" "$SCRATCH/v"
    fill "${@:3}"
    volumes_unmount "$SCRATCH/v"
    volumes_mount "$2" "$folder" "$SCRATCH/v"
    check v/a.img "${@:3}"
    volumes_unmount "$SCRATCH/v"
    check "$folder/a.img" "${@:3}"
}

tree_make
mkdir inner
disk_mount images ext4 320M
last=${MODES[-1]}
for mode in "${MODES[@]}"; do
    check_round "$mode" "$last" --direct-io=on
    check_round "$mode" "$last" --direct-io=off
    check_round "$mode" "$last" --direct-io=on --sector-size 4096
    last=$mode
done
