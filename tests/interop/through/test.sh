#!/bin/bash
# SPDX-License-Identifier: MIT
# What goes through an encrypted volume, and what cannot: the header is out of reach, holes and
# discards of the image tell nothing that is not so, and parts of encryption sectors can be read and
# written by many at once.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

seed=100

volume_up() { # [OPTIONS]
    volumes_mount "$mode,keyfile=$SCRATCH/key${1:+,$1}" a.img "$SCRATCH/v"
}

volume_down() {
    volumes_unmount "$SCRATCH/v"
}

check_header() { # luks1|luks2
    local offset size header image_size
    step "the header of $1, $mode"
    luks_new a.img 6M "$1"
    image_size=$(stat -c %s a.img)
    offset=$(data_offset a.img)
    header=$(head_sum a.img "$offset")
    size=$((image_size - offset))
    volume_up
    expect_equal "size of the volume" "$(stat -c %s v/a.img)" $size
    dd if=/dev/urandom of=v/a.img bs=64K count=$size iflag=count_bytes,fullblock conv=notrunc status=none
    bytes write v/a.img 0 65536 $((++seed))
    bytes write v/a.img $((size - 1000)) 1000 $seed
    check_end $size
    volume_down
    expect_equal "the header" "$(head_sum a.img "$offset")" "$header"
    expect_equal "size of the image" "$(stat -c %s a.img)" "$image_size"
    cryptsetup_opens a.img --key-file key || fail "cryptsetup does not open it any more"
    rm a.img
}

check_end() { # SIZE
    expect_errno ENOSPC bytes write v/a.img "$1" 1 1
    expect_errno ENOSPC bytes write v/a.img $(($1 + 4096)) 4096 1
    expect_equal "bytes read past the end" "$(dd if=v/a.img bs=1M skip="$1" iflag=skip_bytes status=none | wc -c)" 0
    expect_equal "bytes read across the end" "$(dd if=v/a.img bs=1M skip=$(($1 - 700)) iflag=skip_bytes status=none | wc -c)" 700
    bytes check v/a.img $(($1 - 1000)) 1000 $seed
    # A write across the end is cut, or refused; what is behind is nobody's.
    bytes write v/a.img $(($1 - 700)) 1400 $seed 2>/dev/null || true
    bytes check v/a.img $(($1 - 1000)) 1000 $seed
    expect_errno EINVAL bytes truncate v/a.img $(($1 + 4096))
    expect_errno EINVAL bytes truncate v/a.img 0
    bytes open v/a.img rw trunc
    bytes check v/a.img 0 65536 $seed
}

# --- Discard

check_discard() {
    local size
    step "discard=zero, $mode"
    luks_new a.img 6M luks2
    volume_key a.img vk
    size=$(volume_size a.img)
    volume_up discard=zero
    bytes write v/a.img 0 "$size" $((++seed))
    fallocate -p -o 1048576 -l 1048576 v/a.img
    fallocate -p -o 3000001 -l 50001 v/a.img
    fallocate -z -n -o 3500000 -l 777 v/a.img
    volume_down
    expect_zeros 1048576 1048576
    expect_zeros 3000001 50001
    expect_zeros 3500000 777
    expect_mapped a.img
    not cmp -s <(bytes read a.img 2097152 4096) <(head -c 4096 /dev/zero) || fail "zeros were not encrypted"
}

# In the image's plaintext, exactly these bytes.
expect_zeros() { # OFFSET LENGTH
    expect_plaintext a.img vk "$1" "$2" 0
    expect_plaintext a.img vk $(($1 - 700)) 700 $seed
    expect_plaintext a.img vk $(($1 + $2)) 700 $seed
}

check_discard_keep() {
    step "discard=keep, $mode"
    volume_up
    bytes write v/a.img 0 65536 $((++seed))
    if fallocate -p -o 4096 -l 8192 v/a.img 2>err; then fail "punching succeeded"; fi
    grep -Eq "not supported|unsupported" err || fail "punching gave: $(cat err)"
    bytes check v/a.img 0 65536 $seed
    volume_down
}

# A hole in the image does not decrypt to zeros: what was punched must still read as zeros, or the
# punching is refused.
check_discard_punch() {
    local status=0
    step "discard=punch, $mode"
    if ! platterfs mount -o "$mode,keyfile=$SCRATCH/key,discard=punch" a.img "$SCRATCH/v" 2>err; then
        expect_mount_refused "discard|punch" "$mode,keyfile=$SCRATCH/key,discard=punch" a.img
        rm a.img
        return
    fi
    bytes write v/a.img 0 1048576 $((++seed))
    fallocate -p -o 65536 -l 131072 v/a.img 2>err || status=$?
    if ((status == 0)); then
        bytes check v/a.img 65536 131072 0
    else
        grep -Eq "not supported|unsupported" err || fail "punching gave: $(cat err)"
        bytes check v/a.img 65536 131072 $seed
    fi
    bytes check v/a.img 0 65536 $seed
    bytes check v/a.img 196608 65536 $seed
    volume_down
    rm a.img
}

# A hole of the image holds ciphertext of something: no hole of the volume.
check_holes() {
    step "holes, $mode"
    luks_new a.img 6M luks2
    volume_key a.img vk
    rm -f sparse.img
    cp --sparse=always a.img sparse.img
    fallocate -p -o 2097152 -l 2097152 sparse.img
    mv sparse.img a.img
    volume_up
    expect_equal "SEEK_HOLE and SEEK_DATA" "$(seek v/a.img)" "$(stat -c %s v/a.img) 0 1048576"
    cmp <(bytes read v/a.img 1048576 65536) <(reference read a.img vk 1048576 65536) || fail "the hole, decrypted"
    bytes write v/a.img 1500001 4097 $((++seed))
    volume_down
    expect_plaintext a.img vk 1500001 4097 $seed
    rm a.img
}

seek() { # VOLUME: the first hole, the first data, the first data from 1 MiB on
    python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
print(os.lseek(fd, 0, os.SEEK_HOLE), os.lseek(fd, 0, os.SEEK_DATA), os.lseek(fd, 1 << 20, os.SEEK_DATA))' "$1"
}

# --- Parts of sectors

SPECS=("aes-xts-plain64 4096" "aes-cbc-essiv:sha256 4096" "aes-cbc-essiv:sha256 512" "aes-xts-plain64 512"
    "serpent-cbc-plain64 4096")

check_parts() { # CIPHER SECTOR-SIZE
    local way size
    step "parts of sectors, $1, $2 bytes, $mode"
    luks2_new_cipher a.img 4M "$1" 256 --sector-size "$2"
    volume_key a.img vk
    size=$(volume_size a.img)
    plaintext_put a.img vk 0 "$size" 1
    volume_up
    for way in "threads" "threads --direct" "uring --direct"; do
        seed=$((seed + 1))
        # shellcheck disable=SC2086
        scatter --api=$way --depth=16 --min=1 --max=700 --random=$seed v/a.img 777 262144 $seed
        # shellcheck disable=SC2086
        scatter --api=$way --depth=16 --min=512 --max=512 --align=512 --random=$seed v/a.img 524288 262144 $seed
        # shellcheck disable=SC2086
        scatter --api=$way --depth=8 --min=3000 --max=70000 --random=$seed v/a.img 1048577 1500000 $seed
        bytes check v/a.img 777 262144 $seed
        expect_plaintext a.img vk 777 262144 $seed
        expect_plaintext a.img vk 524288 262144 $seed
        expect_plaintext a.img vk 1048577 1500000 $seed
        expect_plaintext a.img vk 0 777 1
        expect_plaintext a.img vk 262921 5000 1
        expect_plaintext a.img vk 2548577 5000 1
    done
    volume_down
    rm a.img
}

# Each half of a KiB-wise scattered image is elsewhere on the disk: what we write and read as one
# piece, arrives there as several, and another request may come between them.
image_scattered() { # FROM TO
    bytes stride "$2" 2048 1024 2048
    dd if="$1" of="$2" bs=64K oflag=direct conv=notrunc,fsync status=none
    (($(extents "$2" | wc -l) > 1500)) || fail "$2 is not scattered: $(extents "$2" | wc -l) extents"
}

check_neighbours() { # CIPHER SECTOR-SIZE
    step "reads beside writes, $1, $2 bytes, $mode"
    luks2_new_cipher whole.img 4M "$1" 256 --sector-size "$2"
    image_scattered whole.img scattered/a.img
    volumes_mount "$mode,keyfile=$SCRATCH/key" scattered/a.img "$SCRATCH/v"
    neighbours.py v/a.img "$2" 4 || fail "reads beside writes"
    volume_down
    rm scattered/a.img
}

tools_needed cryptsetup
key_new key
mkdir v scattered
disk_new scattered 64M
mkfs.ext4 -q -F -b 1024 "$disk"
mount "$disk" scattered
for mode in "${MODES[@]}"; do
    check_header luks1
    check_header luks2
    check_discard
    check_discard_keep
    check_discard_punch
    check_holes
    for spec in "${SPECS[@]}"; do
        # shellcheck disable=SC2086
        check_parts $spec
        # shellcheck disable=SC2086
        check_neighbours $spec
    done
done
