#!/bin/bash
# SPDX-License-Identifier: MIT
# Without root: a user mounts what is his, nobody else sees into it unless allow_other says so, and
# root's volumes obey their images' modes.
. "$(dirname "$0")/../lib.sh"

as() { # UID COMMAND...
    setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"
}

check_own_mount() {
    as 65534 timeout 30 "$PLATTERFS" mount -o "$mode" "$SCRATCH/his" "$SCRATCH/v"
    as 65534 "$SCRATCH/bytes" write v/a.img 1000 100000 $((++seed))
    as 65534 "$SCRATCH/bytes" fsync v/a.img
    bytes check his/a.img 1000 100000 $seed
    expect_refusal as 65533 ls v
    expect_refusal ls v
    as 65534 timeout 30 "$PLATTERFS" status --json "$SCRATCH/v" | jq -e '.mounts | length == 1' >/dev/null ||
        fail "his own status"
    as 65534 timeout 30 "$PLATTERFS" umount "$SCRATCH/v"
    not mountpoint -q v || fail "still mounted"
}

check_root_mount() { # OPTION
    volumes_mount "$mode,$1" "$SCRATCH/his" "$SCRATCH/v"
    if [[ $1 == allow_other ]]; then
        as 65534 "$SCRATCH/bytes" write v/a.img 0 4096 $((++seed))
        bytes check his/a.img 0 4096 $seed
        expect_refusal as 65533 cat v/a.img
        expect_refusal as 65534 cat v/root.img
        as 65533 cat v/public.img >/dev/null
        expect_refusal as 65533 "$SCRATCH/bytes" open v/public.img rw
    else
        expect_refusal as 65534 ls v
    fi
    volumes_unmount "$SCRATCH/v"
}

expect_refusal() { # COMMAND...
    not "$@" >/dev/null 2>refusal || fail "'$*' succeeded"
    grep -Eq 'denied|permitted|EACCES|EPERM' refusal || fail "'$*' said: $(cat refusal)"
}

command -v fusermount3 >/dev/null || skip "needs fusermount3"
seed=0
mkdir his v
image_mapped his/a.img 1M
image_mapped his/root.img 64K
image_mapped his/public.img 64K
chmod 600 his/a.img his/root.img
chmod 644 his/public.img
chown 65534:65534 his v his/a.img
# Where others may execute them; and /dev/fuse as udev has it everywhere.
install -m 755 "$PLATTERFS" "$(command -v bytes)" .
PLATTERFS=$SCRATCH/platterfs
undo "chmod $(stat -c %a /dev/fuse) /dev/fuse"
chmod 666 /dev/fuse
for mode in "${MODES[@]}"; do
    step "a user's mount, $mode"
    check_own_mount
    step "root's mount, $mode"
    check_root_mount rw
    check_root_mount allow_other
done
