#!/bin/bash
# SPDX-License-Identifier: MIT
# LUKS1 as qemu makes, reads and writes it, with every cipher, mode and IV generator it offers; and
# qemu on LUKS1 images that platterfs and cryptsetup made.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

# cipher-alg cipher-mode ivgen-alg ivgen-hash-alg hash-alg
FORMATS=(
    "aes-256 xts plain64 - sha256"
    "aes-128 xts plain - sha1"
    "aes-256 xts essiv sha256 sha512"
    "aes-256 cbc essiv sha256 sha256"
    "aes-128 cbc plain - ripemd160"
    "aes-256 ecb plain64 - sha256"
    "serpent-256 xts plain64 - sha256"
    "serpent-256 cbc essiv sha256 sha256"
    "serpent-128 cbc plain64 - sha256"
    "twofish-256 xts plain64 - sha256"
    "twofish-256 cbc plain - sha256"
    "twofish-128 cbc essiv sha256 sha256"
)

qemu_image() { # IMAGE
    printf 'driver=luks,key-secret=k,file.filename=%s' "$1"
}

qemu_io() { # IMAGE COMMAND...
    local image=$1 command arguments=()
    shift
    for command in "$@"; do arguments+=(-c "$command"); done
    qemu-io --object secret,id=k,file=key --image-opts "$(qemu_image "$image")" "${arguments[@]}" \
        >qemu.out 2>&1 || fail "qemu-io on $image: $(cat qemu.out)"
    not grep -Eqi 'error|failed|mismatch' qemu.out || fail "qemu-io on $image: $(cat qemu.out)"
}

# qemu measures how fast it derives keys, and gives up when that takes less than a clock tick.
qemu_new() { # IMAGE ALG MODE IV IV-HASH HASH
    local options=key-secret=k,cipher-alg=$2,cipher-mode=$3,ivgen-alg=$4,hash-alg=$6,iter-time=10 try
    [[ $5 == - ]] || options+=,ivgen-hash-alg=$5
    for try in {1..60}; do
        rm -f "$1"
        qemu-img create -q -f luks --object secret,id=k,file=key -o "$options" "$1" 4M >qemu.out 2>&1 &&
            return
        grep -q 'accurate CPU' qemu.out || break
    done
    return 1
}

plaintext_by_qemu() { # IMAGE
    qemu-img convert --object secret,id=k,file=key --image-opts -O raw "$(qemu_image "$1")" plain
}

plaintext_into() { # IMAGE SEED
    bytes pattern "$2" 0 4194304 >plain.in
    qemu-img convert -n --object secret,id=k,file=key -f raw plain.in --target-image-opts "$(qemu_image "$1")"
}

check_format() { # ALG MODE IV IV-HASH HASH
    step "qemu's $*"
    if ! qemu_new q.img "$@"; then
        skip_part "qemu cannot make $*: $(tail -1 qemu.out)"
        return
    fi
    plaintext_into q.img 3
    reference luks1-key q.img key >vk
    expect_plaintext q.img vk 0 4194304 3
    # Keyslots of ciphers that OpenSSL lacks, libcryptsetup opens with the kernel's crypto API only.
    if ! cryptsetup_opens q.img --key-file key; then
        check_beyond_cryptsetup "$*"
        return
    fi
    for mode in "${MODES[@]}"; do
        check_qemu_image "$mode"
        plaintext_into q.img 3
    done
}

# Opened rightly, or refused in a line that names the cipher: never opened wrongly.
check_beyond_cryptsetup() { # FORMAT
    local sum
    sum=$(file_sum q.img)
    if platterfs mount -o "keyfile=$SCRATCH/key" q.img "$SCRATCH/v" 2>error; then
        bytes check v/q.img 0 4194304 3
        volumes_unmount "$SCRATCH/v"
        check_qemu_image "${MODES[0]}"
    else
        not mountpoint -q v || fail "mounted, although it was refused"
        expect_equal "checksum of the image" "$(file_sum q.img)" "$sum"
        expect_equal "lines" "$(wc -l <error)" 1
        grep -Eq "^platterfs: .*(cipher|${1%%-*})" error || wrong+=("$1: $(cat error)")
        skip_part "$1: neither cryptsetup nor platterfs opens this keyslot here (no AF_ALG in this kernel?)"
    fi
}

check_qemu_image() { # MODE
    local header
    header=$(head_sum q.img "$(data_offset q.img)")
    volumes_mount "$1,keyfile=$SCRATCH/key" q.img "$SCRATCH/v"
    expect_equal "size of the volume" "$(stat -c %s v/q.img)" 4194304
    bytes check v/q.img 0 4194304 3
    bytes write v/q.img 1000001 70000 4
    bytes fsync v/q.img
    volumes_unmount "$SCRATCH/v"
    plaintext_by_qemu q.img
    bytes check plain 0 1000001 3
    bytes check plain 1000001 70000 4
    bytes check plain 1070001 3124303 3
    expect_equal "the header" "$(head_sum q.img "$(data_offset q.img)")" "$header"
}

# qemu on what platterfs or cryptsetup formatted.
check_ours() { # MODE IMAGE
    local size
    step "qemu on $2, $1"
    size=$(volume_size "$2")
    volumes_mount "$1,keyfile=$SCRATCH/key" "$2" "$SCRATCH/v"
    bytes write "v/$2" 0 "$size" 5
    volumes_unmount "$SCRATCH/v"
    plaintext_by_qemu "$2"
    expect_equal "the size, as qemu sees it" "$(stat -c %s plain)" "$size"
    bytes check plain 0 "$size" 5
    qemu_io "$2" "write -P 0xa5 512 64k" "write -P 0x5a 1M 512"
    volumes_mount "$1,keyfile=$SCRATCH/key" "$2" "$SCRATCH/v"
    bytes check "v/$2" 0 512 5
    cmp <(bytes read "v/$2" 512 65536) <(head -c 65536 /dev/zero | tr '\0' '\245') || fail "what qemu wrote"
    cmp <(bytes read "v/$2" 1048576 512) <(head -c 512 /dev/zero | tr '\0' Z) || fail "what qemu wrote"
    bytes check "v/$2" 66048 100000 5
    volumes_unmount "$SCRATCH/v"
}

# A reference that is wrong would prove nothing: it agrees with qemu.
check_reference() {
    step "the reference against qemu"
    luks_new r.img 4M luks1 --cipher "$1"
    volume_key r.img vk
    plaintext_put r.img vk 0 "$(volume_size r.img)" 9
    plaintext_by_qemu r.img
    bytes check plain 0 "$(volume_size r.img)" 9
    qemu_io r.img "write -P 0x11 12345 70000"
    cmp <(reference read r.img vk 12345 70000) <(head -c 70000 /dev/zero | tr '\0' '\21') || fail "the reference"
}

tools_needed cryptsetup qemu-img qemu-io
key_new key
mkdir v
check_reference aes-xts-plain64
check_reference aes-cbc-essiv:sha256
wrong=()
for format in "${FORMATS[@]}"; do
    # shellcheck disable=SC2086
    check_format $format
done
for mode in "${MODES[@]}"; do
    rm -f ours.img
    platterfs create --type luks1 --size 6M --key-file key "${COST[@]}" ours.img
    check_ours "$mode" ours.img
    rm -f ours.img
    platterfs create --type luks1 --size 6M --key-file key "${COST[@]}" --cipher aes-cbc-essiv:sha256 \
        --key-size 256 ours.img
    check_ours "$mode" ours.img
    luks_new theirs.img 6M luks1
    check_ours "$mode" theirs.img
done
((${#wrong[@]} == 0)) || fail "refused without the reason: $(printf '%s; ' "${wrong[@]}")"
