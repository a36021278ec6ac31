# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The lines of `luks`: ours.luks-N.img is made by platterfs, KERNEL.luks-N.img by the guest.

# LUKS2's header takes 16 MiB of it.
LUKS_BYTES=$((20 << 20))

luks=()

luks_read() {
    mapfile -t luks < <(grep -v '^#' "$CASE/luks")
    bytes pattern 999 0 64 >passphrase
    awk '!/^#/ { print n++, $0 }' "$CASE/luks" >luks
}

luks_mount() { # IMAGE
    platterfs mount -o "type=luks,keyfile=$SCRATCH/passphrase" "$SCRATCH/$1" "$SCRATCH/v"
}

luks_write() { # NUMBER
    local image=ours.luks-$1.img type spec bits sector options=()
    read -r type spec bits sector <<<"${luks[$1]}"
    [[ $type == luks1 ]] || options=(--sector-size "$sector")
    platterfs create --type "$type" --size $LUKS_BYTES --key-file passphrase --cipher "$spec" \
        --key-size "$bits" "${options[@]}" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "$image" ||
        fail "cannot create ${luks[$1]}"
    luks_mount "$image" || fail "cannot open ${luks[$1]}, just created"
    scatter --depth=4 --min=1 --max=20000 "v/$image" 0 $LENGTH $SEED
    volumes_unmount "$SCRATCH/v"
}

luks_differences() { # IMAGE CHECKSUM
    [[ $2 == "$plaintext" ]] || echo "cryptsetup reads something else"
    luks_mount "$1" || { echo "platterfs cannot open what cryptsetup made" && return; }
    bytes check "v/$1" 0 $LENGTH $SEED 2>check || echo "platterfs reads something else: $(cat check)"
    volumes_unmount "$SCRATCH/v"
}
