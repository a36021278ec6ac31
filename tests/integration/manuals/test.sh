#!/bin/bash
# SPDX-License-Identifier: MIT
# The examples of the man pages do what they show, letter by letter: each page's commands run in a
# mount namespace where /srv, /run and /etc/platterfs are ours. Lines behind "#" are root's,
# those behind "$" a user's; who asks for a passphrase gets one.
. "$(dirname "$0")/../lib.sh"

# What the pages take for granted.
prepare() {
    mkdir -p srv/images srv/encrypted etc home bin
    ln -s "$(readlink -f "$PLATTERFS")" bin/platterfs
    head -c 64 /dev/urandom >etc/data.key
    cp etc/data.key etc/new.key
    platterfs create --size 64M srv/images/data.img
    mkfs.ext4 -q -E nodiscard srv/images/data.img # a discard would leave holes
    create_luks srv/secret.img
    cp srv/secret.img srv/encrypted/
    platterfs create --type plain --size 8M --hash sha256 --key-file etc/data.key srv/encrypted/old.img
    truncate -s 8M srv/encrypted/s.img srv/encrypted/cd.img
    partitioned srv/disk.img
    # The table of platterfs(5), as it stands there.
    sed -n '/^# VOLUME/,/^```/{/^```/d;p}' "$REPOSITORY/docs/man/platterfs.5.scd" >etc/images
    [[ $(wc -l <etc/images) -ge 4 ]] || fail "no table in platterfs(5)"
}

create_luks() { # IMAGE
    platterfs create --type luks2 --size 32M --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        --key-file etc/data.key "$1"
    mkdir vol
    volumes_mount "keyfile=$SCRATCH/etc/data.key" "$1" "$SCRATCH/vol"
    mkfs.ext4 -q "vol/${1##*/}"
    volumes_unmount "$SCRATCH/vol"
    rmdir vol
}

partitioned() { # IMAGE: a filesystem at 33M
    truncate -s 64M "$1"
    mkfs.ext4 -q -E offset=$((33 << 20)) "$1" 16M
}

page_run() { # PAGE
    local name=${1##*/} command
    name=${name%.scd}
    command=${name#platterfs-}
    if [[ $name == platterfs-* ]] && ! platterfs --help | grep -q "platterfs ${command%.*} "; then
        skip_part "$name: this platterfs has no such command"
    elif [[ $name == mount.platterfs.8 && ! -e $REPOSITORY/src/cmd/mount_helper.c ]]; then
        skip_part "$name: this platterfs is no helper of mount(8)"
    else
        step "$name"
        rm -rf srv etc home bin
        cp -a --sparse=auto --reflink=never prepared/. .
        unshare -m bash -e "$CASE/namespace.sh" "$SCRATCH" python3 "$CASE/examples.py" "$1"
    fi
}

[[ -d /etc/platterfs ]] || { mkdir /etc/platterfs && undo "rmdir /etc/platterfs"; }
mkdir prepared
(cd prepared && SCRATCH=$SCRATCH/prepared prepare)
for page in "$REPOSITORY"/docs/man/*.scd; do
    page_run "$page"
done
