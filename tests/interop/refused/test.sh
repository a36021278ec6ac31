#!/bin/bash
# SPDX-License-Identifier: MIT
# What platterfs does not open, it refuses with a line that says why, with the right passphrase as
# well as with a wrong one; nothing is mounted, and the image stays as it is.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

# Both engines read the same header: one mode is enough.
refused() { # PATTERN IMAGE [OPTIONS]
    expect_mount_refused "$1" "keyfile=$SCRATCH/key${3:+,$3}" "$2"
    expect_mount_refused "$1" "ro,keyfile=$SCRATCH/key${3:+,$3}" "$2"
    rm "$2"
}

edited() { # IMAGE STATEMENT...
    luks_new "$1" 4M luks2
    luks2_edit "$@"
}

check_wrong_keys() {
    local type
    for type in luks1 luks2; do
        step "wrong passphrases, $type"
        luks_new a.img 4M $type
        expect_mount_refused "passphrase|keyslot" "keyfile=$SCRATCH/wrong" a.img
        { cat key && echo; } >longer
        expect_mount_refused "passphrase|keyslot" "keyfile=$SCRATCH/longer" a.img
        head -c 10 key >shorter
        expect_mount_refused "passphrase|keyslot" "keyfile=$SCRATCH/shorter" a.img
        # Nobody to ask: there is no terminal.
        expect_mount_refused "terminal|passphrase|key" "rw" a.img
        rm a.img
    done
}

check_integrity() {
    step "integrity"
    edited i.img 'json["segments"]["0"]["integrity"] = {"type": "hmac(sha256)",
        "journal_encryption": "none", "journal_integrity": "none"}'
    refused "integrity|authenticated|AEAD" i.img
    edited i.img 'json["segments"]["0"]["integrity"] = {"type": "aead",
        "journal_encryption": "none", "journal_integrity": "none"}' \
        'json["segments"]["0"]["encryption"] = "aes-gcm-random"'
    refused "integrity|authenticated|AEAD|gcm" i.img
}

check_requirements() {
    step "requirements"
    edited r.img 'json["config"]["requirements"] = {"mandatory": ["nosuch-feature-v7"]}'
    refused "requir.*nosuch-feature-v7" r.img
    edited r.img 'json["config"]["requirements"] = {"mandatory": ["inline-hw-tags"]}'
    refused "requir|inline|tags|integrity" r.img
}

check_reencryption() {
    step "reencryption"
    luks_new r.img 4M luks2
    quietly cryptsetup reencrypt --init-only -q "${COST[@]}" --key-file key r.img
    refused "reencryption" r.img
    # One that encrypts a plain image in place.
    image_mapped r.img 32M
    quietly cryptsetup reencrypt --encrypt --init-only --reduce-device-size 16M -q "${COST[@]}" \
        --key-file key r.img
    refused "reencryption" r.img
    luks_new r.img 4M luks2
    quietly cryptsetup reencrypt --decrypt --init-only --force-offline-reencrypt --header header -q --key-file key r.img
    refused "reencryption|header|LUKS" r.img "type=luks"
}

check_opal() {
    step "OPAL"
    edited o.img 'json["segments"]["0"].update({"type": "hw-opal", "opal_segment_number": 1,
        "opal_key_size": 32, "opal_segment_size": "1048576"})' \
        'json["config"]["requirements"] = {"mandatory": ["opal"]}'
    refused "OPAL|opal" o.img
    edited o.img 'json["segments"]["0"].update({"type": "hw-opal-crypt", "opal_segment_number": 1,
        "opal_key_size": 32, "opal_segment_size": "1048576"})'
    refused "OPAL|opal|segment" o.img
}

check_ciphers() {
    local spec
    step "ciphers that are not ours"
    for spec in nosuch-xts-plain64 aes-nosuch-plain64 aes-xts-nosuch aes-cbc-random aes-gcm-plain64 aes-cbc-tcw; do
        edited c.img "json['segments']['0']['encryption'] = '$spec'"
        refused "cipher|nosuch|random|gcm|tcw|IV|mode" c.img
    done
}

# What is neither LUKS nor raw to anybody who looks.
check_others() {
    step "BitLocker"
    image_mapped b.img 1M
    printf '\353X\220-FVE-FS-' | dd of=b.img conv=notrunc status=none
    refused "BitLocker|BITLK" b.img
    image_mapped b.img 1M
    printf '\353X\220-FVE-FS-' | dd of=b.img conv=notrunc status=none
    expect_refused "1|2" "BitLocker|BITLK|bitlk" "$PLATTERFS" mount -o "type=bitlk,keyfile=$SCRATCH/key" b.img "$SCRATCH/v"
    not mountpoint -q v || fail "mounted as BitLocker"
    # Without a key nobody has said that it is more than bytes.
    rm b.img
    step "no LUKS at all"
    image_mapped n.img 1M
    refused "LUKS" n.img type=luks
    : >n.img
    refused "LUKS|empty|small|size" n.img type=luks
    head -c 1000000 /dev/urandom >n.img
    refused "LUKS" n.img type=luks
}

# Options that say nothing of such an image are an error, not ignored.
check_options() {
    step "options that do not belong together"
    luks_new a.img 4M luks2
    expect_refused "1|2" "type=|nosuch" "$PLATTERFS" mount -o "type=nosuch,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    expect_refused "1|2" "key-slot" "$PLATTERFS" mount -o "key-slot=x,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    expect_refused "1|2" "keyfile-size" "$PLATTERFS" mount -o "keyfile-size=x,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    expect_refused "1|2" "keyfile-offset" "$PLATTERFS" mount -o "keyfile-offset=-1,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    not mountpoint -q v || fail "something is mounted"
    rm a.img
}

tools_needed cryptsetup
key_new key
key_new wrong
mkdir v
check_wrong_keys
check_integrity
check_requirements
check_reencryption
check_opal
check_ciphers
check_others
check_options
