#!/bin/bash
# SPDX-License-Identifier: MIT
# An image unlinked, replaced or truncated under a writer: fsync fails with EIO and keeps failing
# until the volume is opened anew, the log names the volume, and other volumes are not harmed.
. "$(dirname "$0")/../lib.sh"

begin() { # WHAT
    step "$1, $mode"
    rm -f "$folder"/*.img
    image_mapped "$folder/a.img" 1M
    image_mapped "$folder/b.img" 1M
    image_mapped "$folder/other" 1M
    volumes_mount_logged daemon "$mode" "$folder" "$SCRATCH/v"
    exec 8<>v/a.img
    bytes write @8 0 8192 1
    bytes fsync @8
}

# Whatever happened: the writer cannot take it for durable, however often it asks.
expect_failed() {
    bytes write @8 4096 4096 2 2>/dev/null || true
    expect_errno EIO bytes fsync @8
    expect_errno EIO bytes fsync @8
    expect_errno EIO bytes fdatasync @8
    expect_errno EIO bytes write @8 0 4096 2 dsync
    grep -q 'a\.img' daemon.log || fail "the log does not name the volume"
    expect_equal "state" "$(status_field "$SCRATCH/v" '.volumes[] | select(.name == "a.img") | .state')" failed
    bytes write v/b.img 0 4096 3 dsync
    bytes fsync v/b.img
    bytes check "$folder/b.img" 0 4096 3
}

end() {
    volumes_unmount_failed "$SCRATCH/v"
    poll 5 "the daemon to end" process_gone "$daemon"
    ! wait "$daemon" || fail "the daemon's exit code is 0"
}

check_unlinked() {
    begin unlinked
    rm "$folder/a.img"
    expect_failed
    exec 8>&-
    image_mapped "$folder/a.img" 1M
    poll 5 "the new image to open" bytes fsync v/a.img
    bytes write v/a.img 0 4096 5 dsync
    bytes check "$folder/a.img" 0 4096 5
    end
}

check_replaced() {
    begin replaced
    bytes write "$folder/other" 0 1048576 4
    mv "$folder/other" "$folder/a.img"
    expect_failed
    bytes check "$folder/a.img" 0 1048576 4
    exec 8>&-
    poll 5 "the new image to open" bytes check v/a.img 0 1048576 4
    bytes write v/a.img 0 4096 5 dsync
    bytes check "$folder/a.img" 0 4096 5
    end
}

check_truncated() {
    begin truncated
    truncate -s 512K "$folder/a.img"
    bytes write @8 786432 4096 2 2>/dev/null || true
    expect_failed
    exec 8>&-
    poll 5 "the shorter image to open" bytes fsync v/a.img
    expect_equal "sizes" "$(stat -c %s v/a.img)" "$(stat -c %s "$folder/a.img")"
    end
}

check_punched() {
    begin punched
    fallocate -p -o 0 -l 512K "$folder/a.img"
    expect_failed
    exec 8>&-
    poll 5 "the image to open" bytes fsync v/a.img
    end
}

disk_mount images ext4 64M
for mode in "${MODES[@]}"; do
    check_unlinked
    check_replaced
    check_truncated
    check_punched
done
