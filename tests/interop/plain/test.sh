#!/bin/bash
# SPDX-License-Identifier: MIT
# dm-crypt without a header: the key is made of a passphrase or a keyfile exactly as cryptsetup makes
# it (calculated independently), the payload and the IVs begin where offset= and skip= say, and
# expect= notices a wrong key before anything is written.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

SIZE=1M
round=1000

# The reference's own key derivation, from published values, and RIPEMD-160 from another library.
check_derivation() {
    local wanted
    step "how keys are made of passphrases"
    wanted=$(printf abc | openssl dgst -r -ripemd160 -provider legacy -provider default | cut -d' ' -f1)
    expect_equal "ripemd160 of abc" "$wanted" 8eb208f7e05d987a9b044a8e98c6b087f15a0bfc
    expect_key abc ripemd160 160 "$wanted"
    wanted+=$(printf Aabc | openssl dgst -r -ripemd160 -provider legacy -provider default | cut -c1-24)
    expect_key abc ripemd160 256 "$wanted"
    expect_key abc sha256 256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
    wanted=$(printf abc | sha1sum | cut -c1-40)$(printf Aabc | sha1sum | cut -c1-40)
    wanted+=$(printf AAabc | sha1sum | cut -c1-40)$(printf AAAabc | sha1sum | cut -c1-8)
    expect_key abc sha1 512 "$wanted"
    expect_key abc sha256:8 128 ba7816bf8f01cfea0000000000000000
    expect_key abc plain 128 61626300000000000000000000000000
}

expect_key() { # PASSPHRASE HASH BITS HEX
    local got
    got=$(printf %s "$1" | reference plain-key "$2" "$3" | od -An -v -tx1 | tr -d ' \n')
    expect_equal "$2 of '$1', $3 bits" "$got" "$4"
}

# OPTIONS choose the key, REFERENCE OPTIONS tell the reference of everything else; `key` is its key.
check_volume() { # OPTIONS REFERENCE-OPTION...
    step "$1, $mode"
    image_mapped p.img $SIZE
    check_both_ways "$mode,type=plain,$1" p.img key $((round += 4)) "${@:2}"
    rm p.img
}

check_passphrases() {
    local hash bits
    for hash in ripemd160 sha1 sha256 sha512 sha256:16 sha512:32 plain; do
        printf 'correct horse' | reference plain-key $hash 256 >key
        check_stdin "cipher=aes-cbc-essiv:sha256,key-size=256,hash=$hash" --plain=aes-cbc-essiv:sha256
    done
    for bits in 128 192; do
        printf 'correct horse' | reference plain-key ripemd160 $bits >key
        check_stdin "cipher=aes-cbc-plain,key-size=$bits,hash=ripemd160" --plain=aes-cbc-plain
    done
    printf 'correct horse' | reference plain-key sha256 512 >key
    check_stdin "cipher=aes-xts-plain64,key-size=512,hash=sha256" --plain=aes-xts-plain64
    step "the defaults are cryptsetup 2.6's, $mode"
    printf 'correct horse' | reference plain-key ripemd160 256 >key
    check_stdin "" --plain=aes-cbc-essiv:sha256
}

check_stdin() { # OPTIONS REFERENCE-OPTION...
    step "a passphrase on standard input, $1, $mode"
    image_mapped p.img $SIZE
    printf 'correct horse' >passphrase
    platterfs mount -o "$mode,type=plain,keyfile=-${1:+,$1}" p.img "$SCRATCH/v" <passphrase ||
        fail "mount"
    bytes write v/p.img 777 500000 $((++round))
    volumes_unmount "$SCRATCH/v"
    expect_plaintext p.img key 777 500000 $round "${@:2}"
    plaintext_put p.img key 0 1048576 $((++round)) "${@:2}"
    platterfs mount -o "$mode,type=plain,keyfile=-${1:+,$1}" p.img "$SCRATCH/v" <passphrase ||
        fail "mount"
    bytes check v/p.img 0 1048576 $round
    volumes_unmount "$SCRATCH/v"
    rm p.img
}

# A keyfile is the key itself, its first bits; with hash= it is a passphrase.
check_keyfiles() {
    local bits
    head -c 64 /dev/urandom >raw
    for bits in 128 192 256; do
        head -c $((bits / 8)) raw >key
        check_volume "keyfile=$SCRATCH/raw,cipher=aes-cbc-essiv:sha256,key-size=$bits" --plain=aes-cbc-essiv:sha256
    done
    for bits in 256 512; do
        head -c $((bits / 8)) raw >key
        check_volume "keyfile=$SCRATCH/raw,cipher=aes-xts-plain64,key-size=$bits" --plain=aes-xts-plain64
    done
    tail -c 32 raw >key
    check_volume "keyfile=$SCRATCH/raw,keyfile-offset=32,cipher=aes-xts-plain64,key-size=256" --plain=aes-xts-plain64
    reference plain-key sha512 256 <raw >key
    check_volume "keyfile=$SCRATCH/raw,hash=sha512,cipher=aes-cbc-plain64,key-size=256" --plain=aes-cbc-plain64
    step "a keyfile that is too short, $mode"
    image_mapped p.img $SIZE
    expect_mount_refused "short|key|bytes|small" "type=plain,keyfile=$SCRATCH/raw,keyfile-offset=33,cipher=aes-xts-plain64,key-size=256" p.img
    expect_mount_refused "key" "type=plain,keyfile=$SCRATCH/raw,cipher=aes-xts-plain64,key-size=264" p.img
    rm p.img
}

check_places() {
    local spec
    head -c 32 /dev/urandom >key
    for spec in aes-cbc-plain aes-cbc-plain64 aes-xts-plain64 aes-xts-plain64be aes-cbc-null \
        aes-cbc-benbi aes-cbc-eboiv aes-ecb serpent-cbc-essiv:sha256 twofish-xts-plain64 camellia-cbc-plain; do
        check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256" --plain=$spec
    done
    spec=aes-xts-plain64
    check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,offset=123" --plain=$spec --offset=123
    check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,skip=77" --plain=$spec --skip=77
    check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,offset=8,skip=8" --plain=$spec --offset=8 --skip=8
    # 32-bit IVs turn over where 64-bit ones go on.
    for spec in aes-cbc-plain aes-cbc-plain64; do
        check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,skip=4294967000" --plain=$spec --skip=4294967000
    done
    for spec in aes-xts-plain64 aes-cbc-essiv:sha256; do
        check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,sector-size=4096" --plain=$spec --sector-size=4096
        check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,sector-size=4096,iv-large-sectors" \
            --plain=$spec --sector-size=4096 --iv-large-sectors
        check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,sector-size=4096,iv-large-sectors,skip=16" \
            --plain=$spec --sector-size=4096 --iv-large-sectors --skip=16
        check_volume "keyfile=$SCRATCH/key,cipher=$spec,key-size=256,sector-size=1024,skip=16" \
            --plain=$spec --sector-size=1024 --skip=16
    done
    check_window
}

# A volume in a partition: sectors count from the window's start.
check_window() {
    step "start=, length=, $mode"
    image_mapped p.img $SIZE
    volumes_mount "$mode,type=plain,keyfile=$SCRATCH/key,cipher=aes-xts-plain64,key-size=256,start=262144,length=524288" \
        p.img "$SCRATCH/v"
    expect_equal "size" "$(stat -c %s v/p.img)" 524288
    bytes write v/p.img 0 524288 $((++round))
    volumes_unmount "$SCRATCH/v"
    dd if=p.img of=inner.img bs=64K skip=4 count=8 status=none
    expect_plaintext inner.img key 0 524288 $round --plain=aes-xts-plain64
    bytes check p.img 0 262144 0
    bytes check p.img 786432 262144 0
    rm p.img
}

# Nothing but the plaintext tells a right key from a wrong one.
check_expect() {
    local options="type=plain,cipher=aes-xts-plain64,key-size=256"
    step "expect=, $mode"
    head -c 32 /dev/urandom >key
    head -c 32 /dev/urandom >wrong
    image_mapped p.img 8M
    truncate -s 8M fs
    mkfs.ext4 -q -F fs
    reference write --plain=aes-xts-plain64 p.img key 0 <fs
    volumes_mount "$mode,$options,keyfile=$SCRATCH/key,expect=ext4" p.img "$SCRATCH/v"
    cmp fs <(bytes read v/p.img 0 8388608) || fail "another filesystem"
    volumes_unmount "$SCRATCH/v"
    expect_mount_refused "ext4|expect|key" "$mode,$options,keyfile=$SCRATCH/wrong,expect=ext4" p.img
    expect_mount_refused "ext4|expect|xfs" "$mode,$options,keyfile=$SCRATCH/key,expect=xfs" p.img
    expect_mount_refused "ext4|expect|key" "$mode,$options,keyfile=$SCRATCH/key,skip=1,expect=ext4" p.img
    rm p.img
}

check_refusals() {
    step "what no plain volume can be, $mode"
    image_mapped p.img $SIZE
    expect_refused "1|2" "hash|nosuch" "$PLATTERFS" mount -o "type=plain,hash=nosuch,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    expect_refused "1|2" "cipher|nosuch" "$PLATTERFS" mount -o "type=plain,cipher=nosuch,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    expect_refused "1|2" "random" "$PLATTERFS" mount -o "type=plain,cipher=aes-cbc-random,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    expect_refused "1|2" "sector" "$PLATTERFS" mount -o "type=plain,sector-size=768,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    expect_refused "1|2" "sector" "$PLATTERFS" mount -o "type=plain,sector-size=8192,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    expect_refused "1|2" "offset" "$PLATTERFS" mount -o "type=plain,offset=x,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    expect_refused "1" "offset|end|size|small" "$PLATTERFS" mount -o "type=plain,offset=99999999,keyfile=$SCRATCH/key" p.img "$SCRATCH/v"
    not mountpoint -q v || fail "something is mounted"
    rm p.img
}

tools_needed openssl
mkdir v
check_derivation
for mode in "${MODES[@]}"; do
    check_passphrases
    check_keyfiles
    check_places
    check_expect
    check_refusals
done
