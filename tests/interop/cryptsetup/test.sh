#!/bin/bash
# SPDX-License-Identifier: MIT
# LUKS as cryptsetup makes it, and ours as cryptsetup takes it: what is written through the volume is
# found, decrypted by someone else, where it belongs in the image, and the other way round. Keyslots,
# keyfiles, tokens and detached headers work as cryptsetup's do.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

SIZE=4M

seed() {
    echo $((RANDOM * 4 + 100))
}

# Formats, and looks at both directions.
check_format() { # luks1|luks2 OPTION...
    step "$*, $mode"
    luks_new a.img $SIZE "$@"
    volume_key a.img vk
    check_both_ways "$mode,keyfile=$SCRATCH/key" a.img vk "$(seed)"
    rm a.img
}

check_cipher() { # CIPHER KEY-BITS [OPTION...]
    step "luks2 $*, $mode"
    luks2_new_cipher a.img $SIZE "$@"
    volume_key a.img vk
    check_both_ways "$mode,keyfile=$SCRATCH/key" a.img vk "$(seed)"
    rm a.img
}

check_formats() {
    local bits
    for bits in 256 512; do
        check_format luks1 --cipher aes-xts-plain64 --key-size $bits
    done
    check_format luks1 --cipher aes-cbc-essiv:sha256 --key-size 128
    check_format luks1 --cipher aes-cbc-plain64 --key-size 192 --hash sha512
    check_format luks1 --cipher aes-ecb --key-size 256 --hash sha1
    check_format luks2 --cipher aes-xts-plain64 --key-size 512 --sector-size 512
    check_format luks2 --cipher aes-xts-plain64 --key-size 256 --sector-size 4096
    check_format luks2 --cipher aes-cbc-essiv:sha256 --key-size 256 --sector-size 512
    check_format luks2 --cipher aes-cbc-essiv:sha256 --key-size 256 --sector-size 4096
    check_format luks2 --sector-size 1024
    check_format luks2 --sector-size 2048 --hash sha512
    check_format luks2 --pbkdf argon2id --pbkdf-force-iterations 4 --pbkdf-memory 32 --pbkdf-parallel 1
    check_format luks2 --pbkdf argon2i --pbkdf-force-iterations 4 --pbkdf-memory 32 --pbkdf-parallel 1
}

# Ciphers that cryptsetup would not format without device-mapper. Several keyed IVs.
check_ciphers() {
    local name sector
    for name in serpent twofish camellia; do
        check_cipher $name-xts-plain64 512 --sector-size 512
    done
    check_cipher serpent-xts-plain64 256 --sector-size 4096
    check_cipher twofish-cbc-essiv:sha256 256 --sector-size 4096
    check_cipher camellia-cbc-plain 256 --sector-size 512
    check_cipher serpent-cbc-plain64 256 --sector-size 512
    for sector in 512 4096; do
        check_cipher aes-xts-plain64be 512 --sector-size $sector
        check_cipher aes-cbc-eboiv 256 --sector-size $sector
        check_cipher aes-cbc-null 256 --sector-size $sector
    done
    check_cipher aes-cbc-benbi 256 --sector-size 512
}

# Sectors beyond 2^32 tell a 32-bit IV from a 64-bit one: iv_tweak moves a small volume there.
check_iv_offset() {
    local cipher
    for cipher in aes-xts-plain64 aes-xts-plain aes-cbc-essiv:sha256; do
        step "$cipher with iv_tweak 2^32 - 1000, $mode"
        luks2_new_cipher a.img $SIZE $cipher 256 --sector-size 512
        luks2_edit a.img "json['segments']['0']['iv_tweak'] = '4294966296'"
        volume_key a.img vk
        check_both_ways "$mode,keyfile=$SCRATCH/key" a.img vk "$(seed)"
        rm a.img
    done
}

# A segment smaller than the image: what is behind it is out of reach.
check_fixed_size() {
    local behind
    step "a segment of fixed size, $mode"
    luks_new a.img $SIZE luks2 --sector-size 512
    luks2_edit a.img "json['segments']['0']['size'] = '1048576'"
    volume_key a.img vk
    behind=$(tail -c 1048576 a.img | sha256sum)
    check_both_ways "$mode,keyfile=$SCRATCH/key" a.img vk "$(seed)"
    volumes_mount "$mode,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    expect_errno ENOSPC bytes write v/a.img 1048576 512 1
    volumes_unmount "$SCRATCH/v"
    expect_equal "what is behind the segment" "$(tail -c 1048576 a.img | sha256sum)" "$behind"
    rm a.img
}

# Images that platterfs made: cryptsetup understands them and can manage them.
check_ours() { # SIZE luks1|luks2 [OPTION...]
    step "platterfs create --size $1 --type ${*:2}, $mode"
    rm -f ours.img
    platterfs create --size "$1" --type "$2" --key-file key "${COST[@]}" "${@:3}" ours.img
    quietly cryptsetup isLuks --type "$2" ours.img
    quietly cryptsetup luksDump ours.img
    expect_equal "the type, as info sees it" "$(platterfs info --json ours.img | jq -r .type)" "$2"
    cryptsetup_opens ours.img --key-file key || fail "cryptsetup does not open it: $(cat cryptsetup.out)"
    if cryptsetup_opens ours.img --key-file other; then fail "it opens with any passphrase"; fi
    expect_mapped ours.img
    volume_key ours.img vk
    check_info ours.img
    check_both_ways "$mode,keyfile=$SCRATCH/key" ours.img vk "$(seed)"
    check_managed ours.img
}

check_info() { # IMAGE
    local offset size cipher sector
    read -r offset size cipher sector < <(reference geometry "$1")
    platterfs info --json "$1" >info.json
    expect_equal "data_offset" "$(jq .data_offset info.json)" "$offset"
    expect_equal "volume_size" "$(jq .volume_size info.json)" "$size"
    expect_equal "cipher" "$(jq -r .cipher info.json)" "$cipher"
    expect_equal "sector_size" "$(jq .sector_size info.json)" "$sector"
}

# cryptsetup changes the keyslots; the volume opens with what is valid then, and with nothing else.
check_managed() { # IMAGE
    volumes_mount "$mode,keyfile=$SCRATCH/key" "$1" "$SCRATCH/v"
    bytes write "v/$1" 0 1048576 5
    volumes_unmount "$SCRATCH/v"
    quietly cryptsetup luksAddKey -q "${COST[@]}" --key-file key "$1" other
    expect_opens other "$1" 5
    quietly cryptsetup luksChangeKey -q "${COST[@]}" --key-file other "$1" third
    expect_opens third "$1" 5
    expect_mount_refused "passphrase|keyslot" "$mode,keyfile=$SCRATCH/other" "$1"
    expect_opens key "$1" 5
    quietly cryptsetup luksKillSlot -q --key-file third "$1" 0
    expect_mount_refused "passphrase|keyslot" "$mode,keyfile=$SCRATCH/key" "$1"
    expect_opens third "$1" 5
    quietly cryptsetup luksAddKey -q "${COST[@]}" --key-file third "$1" key
    check_header_backup "$1"
}

check_header_backup() { # IMAGE
    rm -f backup
    quietly cryptsetup luksHeaderBackup "$1" --header-backup-file backup
    quietly cryptsetup luksErase -q "$1"
    expect_mount_refused "keyslot|passphrase" "$mode,keyfile=$SCRATCH/key" "$1"
    quietly cryptsetup luksHeaderRestore -q "$1" --header-backup-file backup
    expect_opens key "$1" 5
}

expect_opens() { # KEYFILE IMAGE SEED [OPTIONS]
    volumes_mount "$mode,ro,keyfile=$SCRATCH/$1${4:+,$4}" "$2" "$SCRATCH/v"
    bytes check "v/$2" 0 65536 "$3"
    volumes_unmount "$SCRATCH/v"
}

check_key_slot() {
    step "key-slot=, $mode"
    luks_new a.img $SIZE luks2 --key-slot 1
    quietly cryptsetup luksAddKey -q "${COST[@]}" --key-slot 0 --key-file key a.img other
    volume_key a.img vk
    plaintext_put a.img vk 0 65536 6
    expect_opens key a.img 6
    expect_opens key a.img 6 key-slot=1
    expect_opens other a.img 6 key-slot=0
    expect_mount_refused "passphrase|keyslot|slot" "$mode,keyfile=$SCRATCH/key,key-slot=0" a.img
    expect_mount_refused "passphrase|keyslot|slot" "$mode,keyfile=$SCRATCH/other,key-slot=1" a.img
    expect_mount_refused "passphrase|keyslot|slot" "$mode,keyfile=$SCRATCH/key,key-slot=5" a.img
    expect_refused "1|2" "key-slot|slot" "$PLATTERFS" mount -o "keyfile=$SCRATCH/key,key-slot=99" a.img "$SCRATCH/v"
    rm a.img
}

check_keyfile_window() {
    step "keyfile-offset=, keyfile-size=, $mode"
    { head -c 777 /dev/urandom && cat key && head -c 1000 /dev/urandom; } >wide
    luks_new a.img $SIZE luks1
    volume_key a.img vk
    plaintext_put a.img vk 0 65536 7
    cryptsetup_opens a.img --key-file wide --keyfile-offset 777 --keyfile-size 32 || fail "cryptsetup"
    expect_opens wide a.img 7 keyfile-offset=777,keyfile-size=32
    expect_opens key a.img 7 keyfile-size=32
    expect_mount_refused "passphrase|keyslot" "$mode,keyfile=$SCRATCH/wide" a.img
    expect_mount_refused "passphrase|keyslot" "$mode,keyfile=$SCRATCH/wide,keyfile-offset=777" a.img
    expect_mount_refused "passphrase|keyslot" "$mode,keyfile=$SCRATCH/wide,keyfile-offset=776,keyfile-size=32" a.img
    expect_mount_refused "wide|key" "$mode,keyfile=$SCRATCH/wide,keyfile-offset=100000" a.img
    expect_mount_refused "nosuch" "$mode,keyfile=$SCRATCH/nosuch" a.img
    expect_mount_refused "" "$mode,keyfile=$SCRATCH" a.img
    : >empty
    expect_mount_refused "passphrase|keyslot|empty" "$mode,keyfile=$SCRATCH/empty" a.img
    expect_stdin
    rm a.img
}

# Read to its end, with every newline: the passphrase with one more is another one.
expect_stdin() {
    step "keyfile=-, $mode"
    platterfs mount -o "$mode,keyfile=-" a.img "$SCRATCH/v" <key || fail "keyfile=-"
    bytes check v/a.img 0 65536 7
    volumes_unmount "$SCRATCH/v"
    { cat key && echo; } >newline
    if platterfs mount -o "$mode,keyfile=-" a.img "$SCRATCH/v" <newline 2>error; then
        fail "a newline at the end of standard input was stripped"
    fi
    not mountpoint -q v || fail "mounted with the wrong passphrase"
}

# The image is all payload, and the header a file of its own.
check_detached() { # luks1|luks2
    step "a detached header, $1, $mode"
    image_mapped a.img $SIZE
    rm -f header
    quietly cryptsetup luksFormat -q --type "$1" "${COST[@]}" --key-file key --header header a.img
    volume_key a.img vk --header header
    file_sum header >before
    check_both_ways "$mode,keyfile=$SCRATCH/key,header=$SCRATCH/header" a.img vk "$(seed)" --header=header
    expect_equal "the header file" "$(file_sum header)" "$(cat before)"
    expect_mount_refused "nosuch" "$mode,keyfile=$SCRATCH/key,header=$SCRATCH/nosuch" a.img
    expect_mount_refused "LUKS|header" "$mode,keyfile=$SCRATCH/key,header=$SCRATCH/wide" a.img
    expect_mount_refused "LUKS|header" "$mode,type=luks,keyfile=$SCRATCH/key" a.img
    rm a.img
}

# The passphrase is in the kernel's keyring, and a token in the header says where.
check_token() {
    local id
    step "a luks2-keyring token, $mode"
    if ! command -v keyctl >/dev/null || ! keyctl show >/dev/null 2>&1; then
        skip_part "token: needs keyctl and keyrings"
        return
    fi
    luks_new a.img $SIZE luks2
    volume_key a.img vk
    plaintext_put a.img vk 0 65536 8
    quietly cryptsetup token add --key-description "platterfs-test:$$" a.img
    id=$(keyctl padd user "platterfs-test:$$" @u <key)
    undo "keyctl unlink $id @u || true"
    volumes_mount "$mode,ro" a.img "$SCRATCH/v"
    bytes check v/a.img 0 65536 8
    volumes_unmount "$SCRATCH/v"
    keyctl unlink "$id" @u >/dev/null
    expect_mount_refused "key|passphrase|terminal" "$mode" a.img
    rm a.img
}

tools_needed cryptsetup jq
key_new key
key_new third
head -c 1000 /dev/urandom >other # with newlines and NULs
mkdir v
for mode in "${MODES[@]}"; do
    check_formats
    check_ciphers
    check_iv_offset
    check_fixed_size
    check_key_slot
    check_keyfile_window
    check_detached luks1
    check_detached luks2
    check_token
    check_ours 6M luks1
    check_ours 20M luks2
    check_ours 20M luks2 --cipher aes-cbc-essiv:sha256 --key-size 256 --sector-size 4096
done
