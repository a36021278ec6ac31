#!/bin/bash
# SPDX-License-Identifier: MIT
# create writes every block of a new image, never touches an existing one, and leaves nothing behind
# when it is interrupted or the disk is full.
. "$(dirname "$0")/../lib.sh"

check_written() {
    platterfs create --size 5M "$folder/a.img"
    expect_equal "size" "$(stat -c %s "$folder/a.img")" 5242880
    expect_mapped "$folder/a.img"
    bytes check "$folder/a.img" 0 5242880 0
    expect_equal "mapped by info" "$(platterfs info --json "$folder/a.img" | jq .mapped)" true
    expect_equal "mode for others" "$(stat -c %a "$folder/a.img" | cut -c 2-)" 00
    platterfs create --type raw --size 1048577 "$folder/odd.img"
    expect_equal "size" "$(stat -c %s "$folder/odd.img")" 1048577
    expect_mapped "$folder/odd.img"
}

check_sparse() {
    platterfs create --sparse --size 1G "$folder/sparse.img"
    expect_equal "size" "$(stat -c %s "$folder/sparse.img")" 1073741824
    (($(stat -c %b "$folder/sparse.img") < 100)) || fail "--sparse took space"
}

check_refused() {
    bytes write "$folder/a.img" 0 4096 1
    expect_refused 1 "[Ee]xist" "$PLATTERFS" create --size 1M "$folder/a.img"
    bytes check "$folder/a.img" 0 4096 1
    expect_equal "size" "$(stat -c %s "$folder/a.img")" 5242880
    expect_refused "1|2" "" "$PLATTERFS" create "$folder/new.img"
    expect_refused "1|2" "" "$PLATTERFS" create --size 0 "$folder/new.img"
    expect_refused "1|2" "" "$PLATTERFS" create --size -5 "$folder/new.img"
    expect_refused "1|2" "" "$PLATTERFS" create --size 5X "$folder/new.img"
    expect_refused "1|2" "" "$PLATTERFS" create --type nosuch --size 1M "$folder/new.img"
    expect_refused 1 "[Nn]o such" "$PLATTERFS" create --size 1M "$folder/nowhere/new.img"
    expect_refused 1 "[Ss]pace" "$PLATTERFS" create --size 100G "$folder/new.img"
    expect_equal "what is there" "$(ls -A "$folder")" "$before"
}

written_bytes() { # PID MINIMUM
    (($(awk '/^write_bytes/ { print $2 }' "/proc/$1/io") >= $2))
}

check_interrupted() { # SIGNAL
    local pid status=0
    step "interrupted by SIG$1"
    # Without job control bash would start it deaf to SIGINT.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$PLATTERFS" create --size 1G "$folder/new.img" 2>error &
    pid=$!
    poll 10 "create to be under way" written_bytes $pid 8388608
    kill "-$1" $pid
    wait $pid || status=$?
    ((status != 0)) || fail "create finished in spite of SIG$1"
    expect_equal "what is there" "$(ls -A "$folder")" "$before"
}

disk_mount images ext4 2G
step "written"
check_written
check_sparse
before=$(ls -A "$folder")
check_refused
check_interrupted TERM
check_interrupted INT
check_interrupted HUP
