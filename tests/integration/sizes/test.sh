#!/bin/bash
# SPDX-License-Identifier: MIT
# Images of any size are served exactly, to the last byte, and keep their size; a volume behaves
# like a block device: past the end ENOSPC and 0, no other size, no truncation, no names to change.
. "$(dirname "$0")/../lib.sh"

SIZES=(1 511 512 1023 2047 4095 4096 4097 5119 1048577)

images_make() {
    local size
    mkdir "$folder/i"
    for size in "${SIZES[@]}"; do
        bytes pattern "$size" 0 "$size" >"$folder/i/$size"
    done
    sync -f "$folder"
}

check_size() { # SIZE
    expect_equal "size" "$(stat -c %s "v/$1")" "$1"
    random_io.py "v/$1" "$folder/i/$1" 300 "$1"
    expect_errno ENOSPC bytes write "v/$1" "$1" 1 5
    expect_errno ENOSPC bytes write "v/$1" $(($1 + 4096)) 4096 5
    expect_errno EINVAL bytes truncate "v/$1" $(($1 + 1))
    expect_errno EINVAL bytes truncate "v/$1" 0
    bytes truncate "v/$1" "$1"
    bytes open "v/$1" rw trunc
    bytes open "v/$1" w trunc
    expect_same_bytes "v/$1" "$folder/i/$1"
    expect_equal "size of the image" "$(stat -c %s "$folder/i/$1")" "$1"
}

# One byte past the end within one request: refused, and nothing outside the image changes.
check_crossing() { # SIZE
    expect_errno ENOSPC bytes write "v/$1" $(($1 - 1)) 2 6
    expect_equal "size of the image" "$(stat -c %s "$folder/i/$1")" "$1"
}

check_names_fixed() {
    expect_errno EPERM bytes open v/new rw create
    expect_refusal "Operation not permitted" rm v/512
    expect_refusal "Operation not permitted" mv v/512 v/new
    expect_refusal "Operation not permitted" mv -T v/512 v/511
    expect_refusal "Operation not permitted" mkdir v/new
    expect_refusal "Operation not permitted" ln -s x v/new
    expect_refusal "Operation not permitted" ln v/512 v/new
    expect_refusal "Operation not permitted" mkfifo v/new
    expect_equal "list of volumes" "$(ls v)" "$(ls "$folder/i")"
}

expect_refusal() { # TEXT COMMAND...
    local text
    if text=$("${@:2}" 2>&1); then fail "'${*:2}' succeeded"; fi
    [[ $text == *"$1"* ]] || fail "'${*:2}' said '$text', expected '$1'"
}

disk_mount images ext4 64M
images_make
for mode in "${MODES[@]}"; do
    volumes_mount "$mode" "$folder/i" "$SCRATCH/v"
    for size in "${SIZES[@]}"; do
        step "$size bytes, $mode"
        check_size "$size"
        check_crossing "$size"
    done
    check_names_fixed
    volumes_unmount "$SCRATCH/v"
done
