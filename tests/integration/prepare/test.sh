#!/bin/bash
# SPDX-License-Identifier: MIT
# prepare makes sparse, unwritten and shared images mapped in place and changes none of their bytes,
# not even when it is killed half way; it refuses an image that is in use.
. "$(dirname "$0")/../lib.sh"

MIB=1048576

# Data at odd places, so that blocks are part data and part hole.
data_write() { # FILE
    bytes write "$1" 1000 5000 1
    bytes write "$1" $((3 * MIB - 1)) 100003 2
    bytes write "$1" $((15 * MIB)) $MIB 3
}

check_prepared() { # FILE
    local sum
    sum=$(sha256sum <"$1")
    expect_equal "mapped before" "$(platterfs info --json "$1" | jq .mapped)" false
    platterfs prepare "$1"
    expect_equal "content" "$(sha256sum <"$1")" "$sum"
    expect_mapped "$1"
    bytes check "$1" 1000 5000 1
    bytes check "$1" 6000 4096 0
    expect_equal "mapped after" "$(platterfs info --json "$1" | jq .mapped)" true
    platterfs prepare "$1"
    expect_equal "content" "$(sha256sum <"$1")" "$sum"
}

check_kinds() { # KIND
    step "sparse, unwritten, odd, on $1"
    image_sparse "$folder/sparse.img" 16M
    fallocate -l 16M "$folder/unwritten.img"
    image_sparse "$folder/odd.img" $((16 * MIB + 1023))
    local name
    for name in sparse unwritten odd; do
        data_write "$folder/$name.img"
        check_prepared "$folder/$name.img"
    done
    expect_equal "size" "$(stat -c %s "$folder/odd.img")" $((16 * MIB + 1023))
}

check_shared() {
    step "shared"
    image_mapped "$folder/shared.img" 16M
    data_write "$folder/shared.img"
    cp --reflink=always "$folder/shared.img" "$folder/copy.img"
    sync -f "$folder"
    platterfs info --json "$folder/shared.img" | jq -e '.extents.shared > 0' >/dev/null || fail "nothing is shared"
    check_prepared "$folder/shared.img"
    expect_same_bytes "$folder/shared.img" "$folder/copy.img"
}

written_bytes() { # PID MINIMUM
    (($(awk '/^write_bytes/ { print $2 }' "/proc/$1/io") >= $2))
}

check_killed() {
    local i sum
    step "killed"
    image_sparse "$folder/big.img" 512M
    for i in {0..15}; do
        bytes write "$folder/big.img" $((i * 32 * MIB + 777)) 3000000 $((i + 1))
    done
    sum=$(sha256sum <"$folder/big.img")
    for i in 4 60 200; do
        "$PLATTERFS" prepare "$folder/big.img" 2>error &
        poll 20 "prepare to be under way" written_bytes $! $((i * MIB))
        kill -9 $!
        not wait $! || fail "prepare finished before it was killed"
        expect_equal "content after SIGKILL at $i MiB" "$(sha256sum <"$folder/big.img")" "$sum"
        expect_equal "size" "$(stat -c %s "$folder/big.img")" 536870912
    done
    platterfs prepare "$folder/big.img"
    expect_equal "content" "$(sha256sum <"$folder/big.img")" "$sum"
    expect_mapped "$folder/big.img"
    rm "$folder/big.img"
}

check_refused() {
    step "refused"
    image_sparse "$folder/used.img" 4M
    image_mapped "$folder/used2.img" 4M
    volumes_mount rw "$folder" "$SCRATCH/v"
    exec 9<>v/used.img
    expect_refused 1 "busy|use|writ|open" "$PLATTERFS" prepare "$folder/used.img"
    exec 9>&-
    volumes_unmount "$SCRATCH/v"
    expect_refused 1 "[Nn]o such" "$PLATTERFS" prepare "$folder/nowhere.img"
    expect_refused 1 "" "$PLATTERFS" prepare "$folder"
    image_sparse "$folder/too-big.img" 100G
    before=$(sha256sum < <(head -c 4M "$folder/too-big.img"))
    expect_refused 1 "[Ss]pace" "$PLATTERFS" prepare "$folder/too-big.img"
    expect_equal "content" "$(sha256sum < <(head -c 4M "$folder/too-big.img"))" "$before"
}

disk_mount ext4 ext4 1G
check_kinds ext4
check_killed
check_refused
disk_mount xfs xfs 512M
check_kinds xfs
check_shared
