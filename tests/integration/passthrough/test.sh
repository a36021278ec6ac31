#!/bin/bash
# SPDX-License-Identifier: MIT
# With -o passthrough, who opens a raw volume with O_DIRECT reads and writes the image without the
# daemon; fsync still comes to it, and costs one flush. Everything else is served as without.
. "$(dirname "$0")/../lib.sh"

COUNT=50
BYTES=$((COUNT * 4096))

# scatter prints what the disk saw.
expect_counts() { # WANTED SCATTER-OPTION...
    local got
    seed=$((seed + 1))
    got=$(scatter --direct --stat="$(disk_stat "$disk")" "${@:2}" v/a.img 0 $BYTES $seed)
    expect_equal "what the disk saw of '${*:2}'" "$got" "$1"
    bytes check "$folder/a.img" 0 $BYTES $seed
    bytes check v/a.img 0 $BYTES $seed
}

expect_field() { # NAME WANTED
    expect_equal "$1" "$(status_field "$SCRATCH/v" ".volumes[] | select(.name == \"a.img\").$1")" "$2"
}

expect_not_passed() { # OPTIONS SOURCE
    volumes_mount "$1" "$2" "$SCRATCH/v"
    exec 9<>v/a.img
    expect_field passthrough false
    scatter --direct v/a.img 0 $BYTES 7
    bytes check v/a.img 0 $BYTES 7
    expect_field writes $COUNT
    exec 9>&-
    volumes_unmount "$SCRATCH/v"
}

disk_mount images ext4 512M
image_mapped "$folder/a.img" 1M
sync -f "$folder"
volumes_mount passthrough "$folder" "$SCRATCH/v"
exec 9<>v/a.img
passes=$(status_field "$SCRATCH/v" '.volumes[] | select(.name == "a.img").passthrough')
exec 9>&-
volumes_unmount "$SCRATCH/v"
[[ $passes == true ]] || ! printf '6.9\n%s\n' "$(uname -r)" | sort -CV ||
    zgrep -q 'CONFIG_FUSE_PASSTHROUGH is not set' /proc/config.gz || fail "nothing is passed through"
[[ $passes == true ]] || skip "no FUSE passthrough in this kernel (Linux 6.9, CONFIG_FUSE_PASSTHROUGH)"

seed=0
for mode in "${MODES[@]}"; do
    step "direct I/O, $mode"
    volumes_mount "$mode" "$folder" "$SCRATCH/w"
    volumes_mount "$mode,passthrough" "$folder" "$SCRATCH/v"
    exec 9<>v/a.img
    expect_counts "sectors $((COUNT * 8)) flushes 0"
    expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --sync=fdatasync --every=1
    expect_counts "sectors $((COUNT * 8)) flushes 5" --sync=fsync --every=10 --depth=4
    expect_counts "sectors $((COUNT * 8)) flushes $COUNT" --dsync
    expect_field writes 0
    expect_field flushes $((COUNT + 5))
    expect_equal "pages of the image in the page cache" "$(pages_cached "$folder/a.img")" 0

    step "without O_DIRECT, beside one with it, $mode"
    coproc direct { python3 -c '
import os, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
print("open", flush=True)
sys.stdin.read()' v/a.img; }
    read -r _ <&"${direct[0]}"
    bytes write v/a.img 1000 100000 9
    expect_field writes 1
    bytes check "$folder/a.img" 1000 100000 9
    expect_equal "pages of the image in the page cache" "$(pages_cached "$folder/a.img")" 0

    bytes check v/a.img 1000 100000 9
    exec {direct[1]}>&-
    wait "$direct_PID"

    step "still locked against others, $mode"
    expect_errno EBUSY bytes open w/a.img rw
    exec 9>&-
    poll 5 "the lock to be given back" bytes open w/a.img rw
    volumes_unmount "$SCRATCH/w"
    volumes_unmount "$SCRATCH/v"

    step "not what the daemon must see, $mode"
    expect_not_passed "$mode,passthrough,start=4096" "$folder/a.img"
    head -c 64 /dev/urandom >key
    expect_not_passed "$mode,passthrough,type=plain,cipher=aes-xts-plain64,key-size=512,keyfile=$SCRATCH/key" \
        "$folder/a.img"
    volumes_mount "$mode,passthrough,ro" "$folder" "$SCRATCH/v"
    expect_errno "EROFS|EACCES" bytes open v/a.img rw
    volumes_unmount "$SCRATCH/v"
done

step "below a driver, which opens without O_DIRECT"
if command -v fuse2fs >/dev/null; then
    mkdir d
    truncate -s 16M fs.img
    mkfs.ext4 -q fs.img
    cp --sparse=never fs.img "$folder/fs.img"
    sync -f "$folder"
    platterfs mount --fs -o passthrough "$folder/fs.img" "$SCRATCH/d"
    bytes pattern 3 0 1000000 >d/file
    expect_equal "pages of the image in the page cache" "$(pages_cached "$folder/fs.img")" 0
    platterfs umount "$SCRATCH/d"
else
    skip_part "a driver: no fuse2fs"
fi
