#!/bin/bash
# SPDX-License-Identifier: MIT
# info tells an image's geometry and what state its blocks are in, as the filesystem has it.
. "$(dirname "$0")/../lib.sh"

MIB=1048576

expect_info() { # IMAGE JQ-CONDITION
    platterfs info --json "$1" >info.json
    jq -e "$2" info.json >/dev/null || fail "info --json $1 is not $2: $(cat info.json)"
}

check_kinds() {
    image_mapped "$folder/mapped.img" 4M
    image_sparse "$folder/sparse.img" 4M
    bytes write "$folder/sparse.img" $MIB $MIB 1
    fallocate -l 4M "$folder/unwritten.img"
    cp --reflink=always "$folder/mapped.img" "$folder/copy.img"
    cp --reflink=never "$folder/mapped.img" "$folder/own.img"
    sync -f "$folder"
    expect_info "$folder/own.img" \
        ".image == \"$folder/own.img\" and .type == \"raw\" and .size == 4194304
         and .volume_size == 4194304 and .cipher == null and .data_offset == 0
         and (.sector_size | type) == \"number\" and .extents.count >= 1
         and .extents.written == 4194304 and .extents.unwritten == 0 and .extents.hole == 0
         and .extents.shared == 0 and .mapped == true"
    expect_info "$folder/sparse.img" \
        ".extents.written == $MIB and .extents.hole == 3 * $MIB and .extents.count == 1 and .mapped == false"
    expect_info "$folder/unwritten.img" ".extents.unwritten == 4 * $MIB and .mapped == false"
    expect_info "$folder/mapped.img" ".extents.shared == 4 * $MIB and .extents.written == 0 and .mapped == false"
}

check_text() {
    platterfs info "$folder/sparse.img" >out
    grep -q raw out || fail "info does not tell the type: $(cat out)"
    platterfs info --map "$folder/sparse.img" >out
    [[ $(wc -l <out) -gt 1 ]] || fail "no map: $(cat out)"
    expect_refused 1 "[Nn]o such" "$PLATTERFS" info "$folder/nowhere.img"
    expect_refused 1 "" "$PLATTERFS" info "$folder"
    printf '' >"$folder/empty.img"
    expect_info "$folder/empty.img" ".size == 0 and .extents.count == 0"
}

# It only looks: also when someone writes to the image.
check_in_use() {
    volumes_mount rw "$folder" "$SCRATCH/v"
    exec 9<>v/own.img
    expect_info "$folder/own.img" ".mapped == true"
    bytes write @9 0 4096 1 dsync
    exec 9>&-
    volumes_unmount "$SCRATCH/v"
}

disk_mount xfs xfs 512M
check_kinds
check_text
check_in_use
