#!/bin/bash
# SPDX-License-Identifier: MIT
# The mount shows the folder's regular files as they come and go, and nothing else: no FIFO, device,
# folder or symbolic link is shown or opened, not even one swapped in at the last moment.
. "$(dirname "$0")/../lib.sh"

folder_make() {
    mkdir folder folder/directory
    image_mapped folder/a.img 64K
    image_mapped folder/directory/inside.img 64K
    image_mapped folder/other.img 128K
    ln folder/a.img folder/hardlink
    : >folder/empty
    image_mapped "folder/$LONG" 4K
    image_mapped $'folder/ x\ny"\\' 4K
    printf 'OUTSIDE%.0s' {1..1000} >outside
    mkfifo folder/fifo
    ln -s a.img folder/symlink
    ln -s ../outside folder/symlink-out
    ln -s nowhere folder/symlink-dangling
    mknod folder/device c 1 3
    mknod folder/block b 7 0
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("folder/socket")'
}

check_shown() {
    local name
    find folder -maxdepth 1 -type f -printf '%f\0' | sort -z >wanted
    find v -mindepth 1 -maxdepth 1 -printf '%f\0' | sort -z >shown
    cmp wanted shown || fail "shown: $(tr '\0' ' ' <shown)"
    expect_equal "types" "$(find v -mindepth 1 -printf '%y\n' | sort -u)" f
    for name in fifo symlink symlink-out symlink-dangling directory device block socket \
        directory/inside.img ../outside nowhere .lock; do
        [[ $name == ../* ]] || not timeout 5 test -e "v/$name" || fail "$name is there"
        [[ $name == ../* ]] || not timeout 5 cat "v/$name" >/dev/null 2>&1 || fail "$name can be read"
    done
    cmp v/a.img folder/a.img
    cmp "v/$LONG" "folder/$LONG"
    expect_equal "size of an empty image" "$(stat -c %s v/empty)" 0
}

# A name forges no line, and no terminal obeys it. "status --json" has it as it is.
check_names_in_text() {
    local name=$'esc\e[31m\nforged: x'
    mkdir names
    image_sparse "names/$name" 4K
    volumes_mount_logged daemon rw "$SCRATCH/names" "$SCRATCH/v"
    bytes open "v/$name" rw
    platterfs status "$SCRATCH/v" >status.out
    expect_equal "name in JSON" \
        "$(platterfs status --json "$SCRATCH/v" | jq -r '.mounts[].volumes[].name')" "$name"
    volumes_unmount "$SCRATCH/v"
    cat status.out daemon.log
    not grep -q -e $'\e' -e '^forged' status.out daemon.log || fail "as it is"
    grep -qF 'esc?[31m?forged: x' status.out || fail "status does not show the image"
    grep -qF 'esc?[31m?forged: x: not mapped' daemon.log || fail "the log does not name the image"
}

# Two names of one image: the second writer is refused, or sees what the first one wrote.
check_hardlink() {
    exec 8<>v/a.img
    bytes write @8 1000 5000 11
    if bytes open v/hardlink rw 2>/dev/null; then
        bytes check v/hardlink 1000 5000 11
        scatter --depth=8 --min=1 --max=100 v/a.img 0 30000 12 &
        scatter --depth=8 --min=1 --max=100 v/hardlink 30000 30000 12
        wait $!
        bytes check folder/a.img 0 60000 12
    else
        expect_errno EBUSY bytes open v/hardlink rw
    fi
    exec 8>&-
}

check_come_and_go() {
    image_mapped folder/new.img 8K
    poll 3 "a new image to appear" bytes check v/new.img 0 8192 0
    expect_equal "listed" "$(find v -name new.img)" v/new.img
    rm folder/new.img
    poll 3 "a removed image to go" not test -e v/new.img
    expect_equal "listed" "$(find v -name new.img)" ""
}

new_size() {
    [[ $(stat -c %s v/old.img) == 12288 ]]
}

check_replaced() {
    image_mapped folder/old.img 8K
    bytes write folder/old.img 0 8192 21
    bytes check v/old.img 0 8192 21
    image_mapped replacement 12K
    bytes write replacement 0 12288 22
    mv replacement folder/old.img
    poll 3 "the new size" new_size
    bytes check v/old.img 0 12288 22
    bytes write v/old.img 8192 4096 23
    bytes check folder/old.img 8192 4096 23
    rm folder/old.img
}

# The name is an image, a link to the outside, an image, ... as fast as it goes, for 3 s.
check_race() {
    python3 - <<'END' || fail "the race was lost"
import os, sys, threading, time
end = time.monotonic() + 3
def swap():
    while time.monotonic() < end:
        os.symlink("../outside", "folder/tmp")
        os.rename("folder/tmp", "folder/raced")
        with open("folder/tmp", "wb") as file:
            file.write(b"inside.." * 512)
        os.rename("folder/tmp", "folder/raced")
swapper = threading.Thread(target=swap)
swapper.start()
good = bad = 0
while time.monotonic() < end:
    try:
        fd = os.open("v/raced", os.O_RDONLY)
        try:
            data = os.read(fd, 7)
            good += data == b"inside."
            bad += data == b"OUTSIDE"
        finally:
            os.close(fd)
    except OSError:
        pass
swapper.join()
os.unlink("folder/raced")
print(f"read the inside {good} times, the outside {bad} times")
sys.exit(bad != 0 or good == 0)
END
}

LONG=$(printf 'n%.0s' {1..255})
folder_make
for mode in "${MODES[@]}"; do
    step "$mode"
    volumes_mount "$mode" folder "$SCRATCH/v"
    check_shown
    check_hardlink
    check_come_and_go
    check_replaced
    check_race
    volumes_unmount "$SCRATCH/v"
done
step "names in texts"
check_names_in_text
step "a FIFO, a device, a folder's link alone"
mkdir -p s
expect_refused 1 "" "$PLATTERFS" mount folder/fifo "$SCRATCH/s"
expect_refused 1 "" "$PLATTERFS" mount folder/device "$SCRATCH/s"
not mountpoint -q s || fail "something is mounted"
