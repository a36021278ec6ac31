#!/bin/bash
# SPDX-License-Identifier: MIT
# A user's podman keeps its images in an encrypted volume: mounted by root in one line of fstab, with
# the overlay driver; and wholly without root, through `platterfs mount --fs`. Images, commits and their bytes are
# there again after everything was taken down, and nothing holds the volume.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../../mounting/mounting.sh"
. "$(dirname "$0")/../containers.sh"

images_expected() {
    expect_equal "images" "$(as_user podman images --sort tag --format '{{.Repository}}:{{.Tag}}' 2>/dev/null |
        tr '\n' ' ')" "localhost/tools:1 localhost/tools:2 "
}

driver_expected() { # DRIVER
    expect_equal "driver" "$(as_user podman info --format '{{.Store.GraphDriverName}}' 2>/dev/null)" "$1"
}

# The sum that the first container made is the pattern's, and the second finds it so.
again_expected() {
    : >page.all
    page_run "And again"
    expect_equal "what the container said" "$(cat page.all)" "/etc/pattern: OK
$(bytes pattern 3 0 1000000 | sha256sum | cut -d' ' -f1)  /etc/pattern"
}

# Nothing of it can be read without the key: not below the mount, not in the image.
check_encrypted() { # FOLDER
    expect_equal "what is in $1" "$(find "$1" -mindepth 1)" ""
    not grep -aq localhost/tools home/containers.img || fail "names of images in the image"
}

down() { # HEADING
    poll 20 "the containers to end" containers_ended
    page_run "$1"
}

check_by_root() {
    page_run "Once"
    page_run "Up"
    expect_direct srv
    driver_expected overlay
    page_run "Work"
    images_expected
    check_left_open
    page_run "Up"
    images_expected
    again_expected
    down "Down"
    expect_nothing_left srv home/containers.img
    not as_user podman images >/dev/null 2>&1 || fail "podman works on the folder below the mount"
    as_user podman system migrate >/dev/null 2>&1 || true
    check_encrypted srv
}

# Podman's namespace has the mount too: umount says so, and the image stays in use until it ends.
check_left_open() {
    step "umount while podman's namespace lives"
    umount srv 2>said
    grep -q "still mounted elsewhere" said || fail "umount said: $(cat said)"
    # On a folder that is root's, podman has no store to begin with, so it does not migrate either.
    kill "$(cat run/libpod/tmp/pause.pid)"
    poll 10 "the daemon to end" nothing_left srv home/containers.img
}

check_without_root() {
    rm home/.config/containers/storage.conf home/containers.img
    page_run "The volume"
    page_run "Once, without root"
    page_run "Up, without root"
    driver_expected vfs
    page_run "Work"
    images_expected
    check_no_overlay
    down "Down, without root"
    poll 10 "the daemons to end" daemons_gone
    check_encrypted home/containers
    check_filesystem
    page_run "Up, without root"
    images_expected
    again_expected
    check_namespace_gone
    page_run "After a power cut"
    page_run "Up, without root"
    images_expected
    down "Down, without root"
    poll 10 "the daemons to end" daemons_gone
    check_encrypted home/containers
}

# The page's reason for vfs.
check_no_overlay() {
    not as_user podman unshare sh -c 'cd ~/containers && mkdir -p l u w m &&
        mount -t overlay -o lowerdir=l,upperdir=u,workdir=w,userxattr o m' >overlay.out 2>&1 ||
        fail "overlay works on fuse2fs: containers.md says it does not"
    as_user podman unshare sh -c 'cd ~/containers && rm -rf l u w m'
}

# Podman's process has ended, and the mount lives on where nobody can enter.
check_namespace_gone() {
    kill "$(cat run/libpod/tmp/pause.pid)"
    not daemons_gone || fail "the mount has gone with podman's process: containers.md says it does not"
    page_run "If the namespace has ended first"
    poll 10 "the daemons to end" daemons_gone
    check_encrypted home/containers
}

check_filesystem() {
    as_user platterfs mount -o "ro,keyfile=$SCRATCH/home/containers.key" "$SCRATCH/home/containers.img" \
        "$SCRATCH/home/volume"
    as_user /sbin/e2fsck -fn volume/containers.img >e2fsck.out 2>&1 || fail "e2fsck: $(cat e2fsck.out)"
    as_user grep -aq localhost/tools volume/containers.img || fail "no names of images in the volume"
    as_user platterfs umount "$SCRATCH/home/volume"
}

tools_needed podman newuidmap fuse2fs busybox
helpers_install
user_new
loops_undo containers.img
rootfs_new
podman_configure
page_run "The volume"
step "by root"
check_by_root
step "without root"
check_without_root
