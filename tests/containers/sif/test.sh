#!/bin/bash
# SPDX-License-Identifier: MIT
# An encrypted SIF image, as Apptainer makes them, is opened without root: the partition is found by
# its descriptor, platterfs decrypts that window of the file, squashfuse mounts it, and the files are
# those that were put in.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../../interop/interop.sh"
tools_needed cryptsetup openssl
. "$(dirname "$0")/../containers.sh"

# As `cryptsetup luksFormat` makes it on a loop device, and its content written by the reference.
partition_new() { # SQUASHFS
    luks_new partition $(($(stat -c %s "$1") + (2 << 20))) luks2 --sector-size 512
    volume_key partition vk
    reference write partition vk 0 <"$1"
}

tools_needed mksquashfs squashfuse od
user_new
step "a SIF image"
key_new key
rootfs_new
mksquashfs rootfs root.sqfs -quiet -no-progress -all-root >mksquashfs.out 2>&1
partition_new root.sqfs
where=$(python3 "$CASE/sif.py" home/image.sif partition)
install -m 400 -o "$user" key home/passphrase
chmod 444 home/image.sif
sum=$(sha256sum <home/image.sif)

page_run "Open the SIF image"
expect_equal "offset and length, by the page" "$(tail -1 page.all)" "$where"
mounted home/root || fail "squashfuse has not mounted"
as_user tar -C root -cf - . | tar -df - -C rootfs >differences 2>&1 || true
not grep -Ev 'Uid differs|Gid differs|Mod time' differences || fail "the files differ"
as_user cmp root/etc/pattern - < <(bytes pattern 3 0 1000000) || fail "the pattern differs"
expect_equal "its first bytes" "$(as_user head -c 4 volume/image.sif)" hsqs

page_run "Close the SIF image"
poll 10 "the daemons to end" daemons_gone
expect_equal "checksum of the image" "$(sha256sum <home/image.sif)" "$sum"

step "another passphrase, another window"
head -c 24 /dev/urandom | base64 >home/wrong
chmod 444 home/wrong
as_him=(setpriv --reuid="$user_id" --regid="$group_id" --clear-groups "$SCRATCH/bin/platterfs" mount)
# shellcheck disable=SC2086
set -- $where
expect_refused 1 "passphrase|key" "${as_him[@]}" \
    -o "ro,start=$1,length=$2,keyfile=$SCRATCH/home/wrong" home/image.sif home/volume
expect_refused 1 "image.sif: there is no LUKS header" "${as_him[@]}" \
    -o "ro,type=luks,start=4096,length=$2,keyfile=$SCRATCH/home/passphrase" home/image.sif home/volume
expect_refused 1 "image.sif: .*(length|end|window)" "${as_him[@]}" \
    -o "ro,start=$1,length=$(($2 * 2)),keyfile=$SCRATCH/home/passphrase" home/image.sif home/volume
poll 10 "the daemons to end" daemons_gone
