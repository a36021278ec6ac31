#!/bin/bash
# SPDX-License-Identifier: MIT
# An ordinary user mounts a line of fstab that has the option user, and unmounts it, with mount(8) and
# umount(8); what he wrote is in the image, and whatever fails leaves nothing behind.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"
. "$(dirname "$0")/../../containers/containers.sh"

line() { # IMAGE OPTION...
    echo "$SCRATCH/home/$1 $SCRATCH/home/m platterfs user,noauto,$2 0 0"
}

# As the user, where /etc/fstab has but this line; mount(8) lets nobody but root name another file.
with_line() { # LINE COMMAND...
    echo "$1" >fstab
    unshare --mount --propagation private bash -ec 'mount --bind fstab /etc/fstab; cd home
        exec setpriv --reuid='"$user_id"' --regid='"$group_id"' --init-groups env HOME="$PWD" \
            XDG_RUNTIME_DIR="$PWD/run" PATH="$PWD/../bin:$PATH" "$@"' - "${@:2}"
}

nobody_serves() {
    not pgrep -u "$user_id" -f platterfs
}

expect_nothing_mounted() {
    not mountpoint -q home/m || fail "something is mounted at m"
    poll 10 "the daemons to end" nobody_serves
    expect_equal "places" "$(compgen -G "$SCRATCH/home/run/platterfs/place.*" || true)" ""
}

expect_fails() { # PATTERN LINE
    local status=0
    with_line "$2" mount m >said.out 2>said.err </dev/null || status=$?
    expect_equal "exit code" $status 32
    [[ $(wc -l <said.err) -eq 1 ]] || fail "not one line: $(cat said.err)"
    grep -q "^platterfs: .*$1" said.err || fail "it said: $(cat said.err)"
    expect_nothing_mounted
}

image_of_user() { # IMAGE
    chown "$user:" "home/$1"
    chmod 600 "home/$1"
}

tools_needed fuse2fs debugfs
user_new
PLATTERFS=$SCRATCH/bin/platterfs
helpers_install
[[ -e /etc/fstab ]] || { undo "rm -f /etc/fstab" && : >/etc/fstab; }
install -d -o "$user" -g "$group_id" home/m
platterfs create --size 32M home/data.img >/dev/null
mkfs.ext4 -q -E root_owner="$user_id:$group_id" home/data.img
image_of_user data.img

step "mount, write, umount, and again"
bytes pattern 7 0 2000000 >home/pattern
with_line "$(line data.img noatime,x-systemd.after=foo,nofail)" bash -ec '
    mount m
    findmnt -no OPTIONS m >options
    cp pattern m/file
    sync m/file
    umount m
    while pgrep -u "$(id -u)" -f ^@platterfs >/dev/null; do :; done
    mount m
    cmp m/file pattern
    if mount m 2>/dev/null; then echo "mounted twice" >&2; exit 1; fi
    platterfs umount m'
for option in nosuid nodev noexec noatime; do
    grep -qw $option home/options || fail "mounted without $option: $(cat home/options)"
done
expect_nothing_mounted
e2fsck -fn home/data.img >e2fsck.log 2>&1 || fail "e2fsck: $(cat e2fsck.log)"
debugfs -R "cat /file" home/data.img 2>/dev/null | cmp - home/pattern

step "refused"
head -c 32 /dev/urandom >home/key
head -c 32 /dev/urandom >home/wrong
platterfs create --type luks2 --size 32M --key-file home/key --pbkdf pbkdf2 \
    --pbkdf-force-iterations 1000 home/luks.img >/dev/null
image_of_user luks.img
chown "$user:" home/key home/wrong
expect_fails "key" "$(line luks.img keyfile="$SCRATCH/home/wrong")"
expect_fails "no filesystem" "$(line luks.img keyfile="$SCRATCH/home/key")"
expect_fails "squashfs" "$(line data.img fstype=squashfs)"
# fusermount3 has the last word, but is asked.
grep -q ^user_allow_other /etc/fuse.conf ||
    expect_fails "user_allow_other" "$(line data.img allow_other)"
expect_fails "option fsck: needs root" "$(line data.img fsck)"
chown root: home/m
expect_fails "m: no right to write in it" "$(line data.img rw)"
chown "$user:" home/m
chown root: home/data.img
expect_fails "Permission denied" "$(line data.img rw)"

step "root's status is not misled"
install -m 755 "$(dirname "$0")/../forge.py" bin/
folder_of_root() {
    jq -r '.mounts[] | select(.source == "'"$SCRATCH/root-$ID.img"'").folder' status.json
}
expect_known() {
    timeout 20 "$PLATTERFS" status --json >status.json 2>status.err || fail "status: exit code $?"
    expect_equal "folder" "$(folder_of_root)" "$SCRATCH/r"
    platterfs status r >status.out || fail "root's own folder"
    expect_refused 1 "not a platterfs mount" "$PLATTERFS" status "$SCRATCH/home/m"
    expect_refused 1 "not a platterfs mount" "$PLATTERFS" status "$SCRATCH/srv"
}
chown "$user:" home/m
image_new "root-$ID.img" 16M
mkfs.ext4 -q "root-$ID.img"
mkdir r
mount -t platterfs "root-$ID.img" r
forge_start as_user forge.py "$SCRATCH/home/m" "$(findmnt -no SOURCE r)" ext4
expect_known
forge_end home/m
install -d -m 700 -o "$user" -g "$group_id" "/tmp/platterfs-$user_id"
mkdir his
chown "$user:" his
for answer in '{"volumes": 5}' '{"volumes": ["none"]}' '"volumes"' \
    '{"volumes": [], "source": "'"$SCRATCH/home"'", "folder": "'"$SCRATCH/srv"'"}'; do
    forge_start as_user forge.py "$SCRATCH/his" none platterfs "/tmp/platterfs-$user_id/77777.sock" "$answer"
    expect_known
    forge_end his
    rm "/tmp/platterfs-$user_id/77777.sock"
done
umount r
