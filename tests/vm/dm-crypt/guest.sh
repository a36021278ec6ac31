# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# In the guest. For each line of `cases`, dm-crypt reads what platterfs has written on /dev/vda, and
# writes the plaintext at the same place of /dev/vdb. For each line of `luks`, cryptsetup opens what
# platterfs has created on the next disk, and formats the one after it. Nothing is judged here:
# `results` gets the checksums of what was read, and why the kernel refused a cipher.
#
# A process takes a tenth of a second here, so one does a step for all cases where it can.
set -euo pipefail
shopt -s nullglob
export DM_DISABLE_UDEV=1

# dmsetup's short form separates by commas, of which Adiantum's name has one.
table() { # DISK START SECTORS SPEC KEY IV [OPTION...]
    local line="0 $3 crypt ${4//,/\\,} $5 $6 $1 $2"
    [[ $# -eq 6 ]] || line+=" $(($# - 6)) ${*:7}"
    printf '%s' "$line"
}

devices_create() { # NUMBER START SECTORS SPEC KEY IV [OPTION...]
    dmsetup create --concise \
        "read-$1,,,ro,$(table /dev/vda "${@:2}");write-$1,,,rw,$(table /dev/vdb "${@:2}")"
}

# The kernel's last word on a table.
refusal() {
    dmesg | sed -n 's/^.*table: [0-9:]*: //p' | tail -1
}

luks_open() { # DISK NAME [OPTION...]
    cryptsetup open --key-file passphrase "${@:3}" "$1" "$2"
}

luks_format() { # DISK TYPE SPEC KEY-BITS SECTOR-SIZE
    local options=(--type "$2" --cipher "$3" --key-size "$4")
    [[ $2 == luks1 ]] || options+=(--sector-size "$5")
    cryptsetup luksFormat --batch-mode --key-file passphrase "${options[@]}" --pbkdf pbkdf2 \
        --pbkdf-force-iterations 1000 "$1"
}

luks_run() { # NUMBER TYPE SPEC KEY-BITS SECTOR-SIZE
    local disks=({c..z}) sum
    local ours=/dev/vd${disks[2 * $1]} theirs=/dev/vd${disks[2 * $1 + 1]}
    luks_open "$ours" "luks-$1" --readonly &&
        sum=$(head -c "$(stat -c %s plaintext)" "/dev/mapper/luks-$1" | sha256sum) &&
        echo "$sum luks-$1" &&
        luks_format "$theirs" "${@:2}" &&
        luks_open "$theirs" "write-luks-$1"
}

exec >results
modprobe dm_crypt
for module in modules/*.ko; do
    insmod "$module"
done
while read -r number line; do
    # shellcheck disable=SC2086
    devices_create "$number" $line 2>/dev/null || echo "refused read-$number $(refusal)"
done <cases
while read -r number line; do
    # shellcheck disable=SC2086
    luks_run "$number" $line || echo "refused luks-$number"
done <luks
(cd /dev/mapper && sha256sum read-*)
tee /dev/mapper/write-* <plaintext >/dev/null
sync /dev/mapper/write-*
dmsetup remove_all
