# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the cases with encrypted images have in common; after integration/lib.sh:
#   . "$(dirname "$0")/../interop.sh"
# The independent opinion is tools/reference; key derivation costs as little as cryptsetup lets it.

INTEROP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
PATH=$INTEROP/tools:$PATH
export PYTHONDONTWRITEBYTECODE=1
COST=(--pbkdf pbkdf2 --pbkdf-force-iterations 1000)
# LUKS2's header takes 16 MiB unless it is told not to; in this one is room for two keyslots.
SMALL_LUKS2=(--luks2-metadata-size 16k --luks2-keyslots-size 512k)

tools_needed() { # COMMAND...
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
    python3 -c 'import ctypes; ctypes.CDLL("libgcrypt.so.20")' 2>/dev/null || skip "needs libgcrypt"
}

# A passphrase in a file: 32 characters that qemu takes too, no newline.
key_new() { # FILE
    head -c 24 /dev/urandom | base64 | tr -d '\n' >"$1"
}

# --- cryptsetup

quietly() { # COMMAND...
    "$@" >cryptsetup.out 2>&1 || fail "'$*': $(cat cryptsetup.out)"
}

# An image formatted by cryptsetup, every block written: IMAGE, opened by the passphrase in `key`.
luks_new() { # IMAGE SIZE luks1|luks2 [OPTION...]
    local small=()
    [[ $3 == luks1 ]] || small=("${SMALL_LUKS2[@]}")
    image_mapped "$1" "$2"
    quietly cryptsetup luksFormat -q --type "$3" "${small[@]}" "${COST[@]}" --key-file key "${@:4}" "$1"
}

# The same for a cipher that cryptsetup would ask device-mapper about: LUKS2 made for AES with as
# long a key, and the segment's cipher changed.
luks2_new_cipher() { # IMAGE SIZE CIPHER KEY-BITS [OPTION...]
    luks_new "$1" "$2" luks2 --cipher aes-xts-plain64 --key-size "$4" "${@:5}"
    luks2_edit "$1" "json['segments']['0']['encryption'] = '$3'"
}

volume_key() { # IMAGE FILE [OPTION...]
    rm -f "$2"
    quietly cryptsetup luksDump -q --dump-volume-key --volume-key-file "$2" --key-file key "${@:3}" "$1"
}

cryptsetup_opens() { # IMAGE [OPTION...]
    cryptsetup luksOpen --test-passphrase -q "${@:2}" "$1" </dev/null >cryptsetup.out 2>&1
}

# --- The reference

data_offset() { # IMAGE [OPTION...]
    reference geometry "$@" | cut -d' ' -f1
}

volume_size() { # IMAGE [OPTION...]
    reference geometry "$@" | cut -d' ' -f2
}

# The image's bytes, decrypted independently, must be the pattern's.
expect_plaintext() { # IMAGE KEY START LENGTH SEED [OPTION...]
    sync "$1"
    cmp <(reference read "${@:6}" "$1" "$2" "$3" "$4") <(bytes pattern "$5" "$3" "$4") ||
        fail "$1 does not decrypt to what was written, bytes $3 to $(($3 + $4))"
}

plaintext_put() { # IMAGE KEY START LENGTH SEED [OPTION...]
    bytes pattern "$5" "$3" "$4" | reference write "${@:6}" "$1" "$2" "$3"
}

# Both directions, through every byte of the volume: what is written through it decrypts
# independently, what was encrypted independently is read through it, and the header stays.
check_both_ways() { # OPTIONS IMAGE KEY SEED [REFERENCE OPTION...]
    local volume=v/${2##*/} size offset header
    size=$(volume_size "$2" "${@:5}")
    offset=$(data_offset "$2" "${@:5}")
    header=$(head_sum "$2" "$offset")
    volumes_mount "$1" "$2" "$SCRATCH/v"
    expect_equal "size of the volume" "$(stat -c %s "$volume")" "$size"
    bytes write "$volume" 0 "$size" "$4"
    bytes write "$volume" 12345 54321 $(($4 + 1))
    bytes check "$volume" 12345 54321 $(($4 + 1))
    volumes_unmount "$SCRATCH/v"
    expect_plaintext "$2" "$3" 0 12345 "$4" "${@:5}"
    expect_plaintext "$2" "$3" 12345 54321 $(($4 + 1)) "${@:5}"
    expect_plaintext "$2" "$3" 66666 $((size - 66666)) "$4" "${@:5}"
    plaintext_put "$2" "$3" 0 "$size" $(($4 + 2)) "${@:5}"
    volumes_mount "$1,ro" "$2" "$SCRATCH/v"
    bytes check "$volume" 0 "$size" $(($4 + 2))
    bytes check "$volume" 1 511 $(($4 + 2))
    volumes_unmount "$SCRATCH/v"
    expect_equal "the header" "$(head_sum "$2" "$offset")" "$header"
}

# --- Refusals

head_sum() { # FILE BYTES
    head -c "$2" "$1" | sha256sum
}

file_sum() { # FILE
    sha256sum <"$1"
}

# mount must exit 1 with one line that names the reason, mount nothing and leave the image alone.
expect_mount_refused() { # PATTERN OPTIONS IMAGE
    local sum
    sum=$(file_sum "$3")
    [[ -e v ]] || mkdir v
    expect_refused 1 "$1" "$PLATTERFS" mount -o "$2" "$3" "$SCRATCH/v" </dev/null
    not mountpoint -q v || fail "mounted although it was refused: $3"
    expect_equal "checksum of $3" "$(file_sum "$3")" "$sum"
}
