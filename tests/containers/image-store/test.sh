#!/bin/bash
# SPDX-License-Identifier: MIT
# Podman takes images from a store in a squashfs file that platterfs mounts as the user; nothing is
# written to it.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../containers.sh"

tools_needed podman newuidmap mksquashfs squashfuse busybox
user_new
rootfs_new
podman_configure
page_run "Make the store"
sum=$(sha256sum <home/images.sqfs)
page_run "Use the store"
grep -q '^localhost/base *1 .*' page.all || fail "podman images shows no base:1: $(cat page.all)"
grep -qF "$(bytes pattern 3 0 1000000 | sha256sum | cut -d' ' -f1)" page.all || fail "other bytes: $(cat page.all)"
expect_equal "the store's mark" "$(as_user podman images --format '{{.ReadOnly}}' base:1 2>/dev/null)" true
# Its own store has the container only.
not grep -rqs base home/.local/share/containers/storage/overlay-images || fail "the image was copied"

step "a container of it can be committed to the user's own store"
as_user podman run --name work --network=none base:1 sh -c 'echo more >/more' 2>/dev/null
as_user podman commit -q work base:2 >/dev/null 2>&1
expect_equal "more" "$(as_user podman run --rm --network=none base:2 cat /more 2>/dev/null)" more
as_user podman rm work >/dev/null 2>&1

poll 20 "the containers to end" containers_ended
page_run "Put the store away"
poll 10 "the daemons to end" daemons_gone
expect_equal "checksum of the store" "$(sha256sum <home/images.sqfs)" "$sum"
not as_user podman image exists base:1 2>/dev/null || fail "the image is there without its store"
as_user podman system migrate >/dev/null 2>&1
