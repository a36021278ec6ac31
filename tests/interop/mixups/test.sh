#!/bin/bash
# SPDX-License-Identifier: MIT
# No volume is ever served with a key that is not its own, or without one that it should have: when a
# question fails, a header goes or changes, a file takes another's name. Each was a way once.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"
tools_needed cryptsetup luks2_edit wipefs

PLAIN=type=plain,cipher=aes-xts-plain64,key-size=512,hash=sha512

state() { # VOLUME
    status_field "$SCRATCH/v" ".volumes[] | select(.name == \"$1\") | .state"
}

# Opening fails, in either direction, and the image stays as it is.
expect_closed() { # VOLUME IMAGE ERRNO
    local sum
    sum=$(file_sum "$2")
    expect_errno "$3" bytes open "v/$1" r
    expect_errno "$3" bytes open "v/$1" rw
    expect_equal "checksum of $2" "$(file_sum "$2")" "$sum"
}

folder_of_plain() {
    rm -rf folder
    mkdir folder
    image_mapped folder/a.img 1M
    image_mapped folder/b.img 1M
    image_mapped folder/c.img 1M
}

check_failed_question() {
    step "a question that nobody answers unlocks nothing"
    folder_of_plain
    setsid "$PLATTERFS" mount -o "$PLAIN" folder "$SCRATCH/v" </dev/null 2>error || fail "mount: $(cat error)"
    for name in a b c; do
        expect_equal "state of $name.img" "$(state $name.img)" locked
        expect_closed $name.img folder/$name.img ENOKEY
    done
    volumes_unmount "$SCRATCH/v"
    expect_mount_refused "empty" "$PLAIN,keyfile=-" folder/a.img
    : >empty
    expect_mount_refused "empty|shorter" "$PLAIN,keyfile=empty" folder/a.img
}

check_standard_input_is_gone() {
    step "keyfile=- cannot be read again"
    folder_of_plain
    platterfs mount -o "$PLAIN,keyfile=-" folder/a.img "$SCRATCH/v" <key
    bytes write v/a.img 0 4096 1
    poll 5 "the volume to be closed" platterfs lock "$SCRATCH/v/a.img"
    expect_refused 1 "terminal" setsid "$PLATTERFS" unlock "$SCRATCH/v/a.img" </dev/null
    expect_closed a.img folder/a.img ENOKEY
    platterfs unlock --key-file - "$SCRATCH/v/a.img" <key
    bytes check v/a.img 0 4096 1
    volumes_unmount "$SCRATCH/v"
}

check_missing_header() {
    step "a key is named, but there is no header"
    folder_of_plain
    printf 'a a.img %s\nb b.img none\n' "$SCRATCH/key" >table
    volumes_mount table=table folder "$SCRATCH/v" 2>error
    grep -q "^platterfs: a: .*no LUKS header" error || fail "no warning: $(cat error)"
    expect_closed a folder/a.img EINVAL
    bytes write v/c.img 0 512 1
    volumes_unmount "$SCRATCH/v"
    expect_mount_refused "no LUKS header" keyfile=key folder/a.img
}

check_header_goes() {
    step "the header goes, or becomes another, while the volume is closed"
    rm -rf folder
    mkdir folder
    for name in gone new changed kept old; do luks_new folder/$name 4M luks2; done
    luks_new folder/luks1 4M luks1
    volumes_mount keyfile=key folder "$SCRATCH/v"
    for name in gone new changed kept luks1; do bytes write v/$name 0 4096 1; done
    wipefs -qa folder/gone
    quietly cryptsetup luksFormat -q --type luks2 "${SMALL_LUKS2[@]}" "${COST[@]}" --key-file key \
        --uuid "$(cryptsetup luksUUID folder/new)" folder/new
    quietly cryptsetup luksFormat -q --type luks1 "${COST[@]}" --key-file key folder/luks1
    # What reencryption leaves behind: the same UUID, another digest.
    luks2_edit folder/changed "json['digests']['0']['salt'] = json['digests']['0']['digest']"
    quietly cryptsetup luksAddKey -q --key-file key "${COST[@]}" folder/kept wrong
    for name in gone new changed luks1; do
        poll 5 "$name to be closed" test "$(state $name)" != open
        expect_closed $name folder/$name ENOKEY
    done
    bytes check v/kept 0 4096 1
    # After that it is what it is.
    platterfs lock "$SCRATCH/v/new" && platterfs unlock --key-file key "$SCRATCH/v/new"
    bytes write v/new 0 4096 2
    bytes check v/new 0 4096 2
    volumes_unmount "$SCRATCH/v"
}

check_taken_name() {
    step "another file takes the name"
    rm -rf folder
    mkdir folder
    luks_new folder/a.img 4M luks2
    luks_new folder/b.img 4M luks2
    volumes_mount keyfile=key folder/a.img "$SCRATCH/v"
    mv folder/a.img folder/away
    mv folder/b.img folder/a.img
    expect_closed a.img folder/a.img "ENOKEY|ESTALE"
    # lock reaches the key that is still there, though the name is another's.
    platterfs lock "$SCRATCH/v/a.img"
    mv folder/a.img folder/b.img
    mv folder/away folder/a.img
    expect_closed a.img folder/a.img ENOKEY
    volumes_unmount "$SCRATCH/v"
}

check_shadowed() {
    step "a table gives one image's name to another"
    folder_of_plain
    head -c 64 /dev/urandom >raw.key
    platterfs mount -o "type=plain,cipher=aes-xts-plain64,key-size=512,keyfile=$SCRATCH/raw.key" \
        folder/b.img "$SCRATCH/v"
    bytes write v/b.img 0 4096 7
    volumes_unmount "$SCRATCH/v"
    printf 'a.img b.img %s plain,cipher=aes-xts-plain64,size=512,hash=plain\n' "$SCRATCH/raw.key" >table
    platterfs mount -o "$PLAIN,keyfile=-,table=table" folder "$SCRATCH/v" <key
    expect_equal "listed" "$(ls -m v)" "a.img, c.img"
    bytes check v/a.img 0 4096 7
    volumes_unmount "$SCRATCH/v"
}

# LUKS1 with so many iterations that it takes until somebody ends it.
check_others_go_on() {
    step "while one is being unlocked, the others are served"
    rm -rf folder
    mkdir folder
    luks_new folder/slow.img 4M luks1
    bad_header.py make luks1-slot-iterations-max folder/slow.img slow.bad
    mv slow.bad folder/slow.img
    image_mapped folder/raw.img 1M
    volumes_mount type=auto folder "$SCRATCH/v"
    "$PLATTERFS" unlock --key-file key "$SCRATCH/v/slow.img" >/dev/null 2>&1 &
    unlocking=$!
    poll 10 "the child that unlocks" pgrep -f "platterfs unlock-child"
    for _ in 1 2 3 4 5 6 7 8; do
        timeout 5 stat v/slow.img v/raw.img >/dev/null || fail "stat waits for unlock"
    done
    timeout 5 bytes write v/raw.img 0 512 1
    timeout 5 "$PLATTERFS" status "$SCRATCH/v" | grep -q slow.img || fail "status waits for unlock"
    expect_refused 1 "in use|unlocking" "$PLATTERFS" lock "$SCRATCH/v/slow.img"
    timeout 10 "$PLATTERFS" umount "$SCRATCH/v" || fail "umount waits for unlock"
    wait $unlocking && fail "it was unlocked"
    poll 5 "the child to be gone" not pgrep -f "platterfs unlock-child"
}

check_pipe() {
    step "a keyfile that is a pipe is not waited for"
    rm -rf folder
    mkdir folder
    luks_new folder/a.img 4M luks2
    mkfifo pipe
    printf 'a a.img %s noauto\n' "$SCRATCH/pipe" >table
    volumes_mount table=table folder "$SCRATCH/v"
    expect_refused 1 "" setsid "$PLATTERFS" unlock "$SCRATCH/v/a" </dev/null
    platterfs unlock --key-file key "$SCRATCH/v/a"
    volumes_unmount "$SCRATCH/v"
}

check_digest() {
    step "a LUKS2 header that no passphrase could be wrong for"
    local edit
    key_new other
    for edit in "del json['digests']['0']['digest']" "json['digests']['0']['digest'] = ''" \
        "json['digests']['0']['digest'] = 'AAAA'" "json['digests']['0']['salt'] = None" \
        "json['digests']['0']['hash'] = ''" "json['digests'] = {}"; do
        luks_new a.img 4M luks2
        luks2_edit a.img "$edit"
        expect_mount_refused "damaged|header" keyfile=other a.img
    done
}

key_new key
key_new wrong
mkdir v
check_failed_question
check_standard_input_is_gone
check_missing_header
check_header_goes
check_taken_name
check_shadowed
check_others_go_on
check_pipe
check_digest
