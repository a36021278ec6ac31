#!/bin/bash
# SPDX-License-Identifier: MIT
# A folder of images of which some are encrypted: without their keys they are listed, and locked;
# unlock and lock work while others are in use. A table says which image has which key.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

state() { # VOLUME
    status_field "$SCRATCH/v" ".volumes[] | select(.name == \"$1\") | .state"
}

folder_new() {
    local name
    rm -rf folder
    mkdir folder
    for name in a b; do
        luks_new folder/$name.img 4M luks2
        volume_key folder/$name.img $name.vk
        plaintext_put folder/$name.img $name.vk 0 65536 1
    done
    luks_new folder/old.img 4M luks1
    image_mapped folder/raw.img 1M
}

expect_locked() { # VOLUME
    [[ -e v/$1 ]] || fail "$1 is not listed"
    expect_equal "state of $1" "$(state "$1")" locked
    expect_errno ENOKEY bytes open "v/$1" r
    expect_errno ENOKEY bytes open "v/$1" rw
}

check_listed() {
    step "without keys, $mode"
    folder_new
    file_sum folder/a.img >before
    volumes_mount "$mode" folder "$SCRATCH/v"
    expect_equal "listed" "$(ls -m v)" "a.img, b.img, old.img, raw.img"
    expect_locked a.img
    expect_locked b.img
    expect_locked old.img
    bytes write v/raw.img 0 65536 2
    bytes check folder/raw.img 0 65536 2
    expect_equal "state of raw.img" "$(state raw.img | sed 's/open/closed/')" closed
}

check_unlock() {
    step "unlock, $mode"
    expect_refused 1 "passphrase|keyslot" "$PLATTERFS" unlock --key-file wrong "$SCRATCH/v/a.img"
    expect_locked a.img
    expect_equal "the image" "$(file_sum folder/a.img)" "$(cat before)"
    platterfs unlock --key-file key "$SCRATCH/v/a.img"
    expect_equal "state" "$(state a.img)" closed
    expect_equal "size" "$(stat -c %s v/a.img)" "$(volume_size folder/a.img)"
    bytes check v/a.img 0 65536 1
    bytes write v/a.img 4096 100 3
    expect_plaintext folder/a.img a.vk 4096 100 3
    expect_locked b.img
    platterfs unlock --key-file - "$SCRATCH/v/old.img" <key || fail "unlock with the passphrase on standard input"
    bytes write v/old.img 0 512 3
    # Once more changes nothing, whatever is said of it.
    platterfs unlock --key-file key "$SCRATCH/v/a.img" >/dev/null 2>&1 || true
    bytes check v/a.img 4096 100 3
    expect_refused 1 "raw|encrypted|locked" "$PLATTERFS" unlock --key-file key "$SCRATCH/v/raw.img"
    expect_refused 1 "nosuch" "$PLATTERFS" unlock --key-file key "$SCRATCH/v/nosuch.img"
    expect_refused 1 "nosuch" "$PLATTERFS" unlock --key-file nosuch "$SCRATCH/v/b.img"
    expect_refused 1 "" "$PLATTERFS" unlock --key-file key "$SCRATCH/folder/a.img"
}

check_lock() {
    step "lock, $mode"
    exec 8<>v/a.img
    expect_equal "state" "$(state a.img)" open
    expect_refused 1 "busy|use|open" "$PLATTERFS" lock "$SCRATCH/v/a.img"
    bytes write @8 8192 100 4
    exec 8>&-
    # The kernel tells the daemon of the close a moment after close(2).
    poll 5 "the volume to be closed" platterfs lock "$SCRATCH/v/a.img"
    expect_locked a.img
    expect_plaintext folder/a.img a.vk 8192 100 4
    bytes check v/old.img 0 512 3
    expect_refused 1 "raw|encrypted|locked" "$PLATTERFS" lock "$SCRATCH/v/raw.img"
    platterfs unlock --key-file key "$SCRATCH/v/a.img"
    bytes check v/a.img 8192 100 4
    volumes_unmount "$SCRATCH/v"
}

# Others may use what root unlocked, but not lock and unlock it.
check_others() {
    step "other users, $mode"
    chmod 666 folder/b.img
    volumes_mount "$mode,allow_other" folder "$SCRATCH/v"
    install -m 755 "$PLATTERFS" "$SCRATCH/platterfs"
    cp key "$SCRATCH/key.all"
    chmod 644 "$SCRATCH/key.all"
    if setpriv --reuid=65534 --regid=65534 --clear-groups timeout 30 "$SCRATCH/platterfs" unlock \
        --key-file "$SCRATCH/key.all" "$SCRATCH/v/b.img" 2>err; then
        fail "another user unlocked it"
    fi
    expect_locked b.img
    platterfs unlock --key-file key "$SCRATCH/v/b.img"
    if setpriv --reuid=65534 --regid=65534 --clear-groups timeout 30 "$SCRATCH/platterfs" lock \
        "$SCRATCH/v/b.img" 2>err; then
        fail "another user locked it"
    fi
    bytes check v/b.img 0 65536 1
    volumes_unmount "$SCRATCH/v"
}

# --- A table

table() { # LINE...
    printf '%b\n' "$@" >table
}

check_table() {
    step "a table, $mode"
    folder_new
    image_mapped folder/plain.img 1M
    head -c 32 /dev/urandom >raw.key
    file_sum folder/b.img >before.b
    table "# volume image keyfile options" "" \
        "first $SCRATCH/folder/a.img $SCRATCH/key" \
        "\t second\t\t$SCRATCH/folder/b.img\tnone\tro   " \
        "   # a comment behind spaces" \
        "third   $SCRATCH/folder/plain.img   $SCRATCH/raw.key   type=plain,cipher=aes-xts-plain64,key-size=256,skip=5" \
        "fourth $SCRATCH/folder/old.img $SCRATCH/wide keyfile-offset=100,keyfile-size=32,key-slot=0,ro"
    { head -c 100 /dev/urandom && cat key && head -c 100 /dev/urandom; } >wide
    volumes_mount "$mode,table=$SCRATCH/table" folder "$SCRATCH/v"
    bytes check v/first 0 65536 1
    expect_locked second
    bytes write v/third 1000 2000 5
    expect_plaintext folder/plain.img raw.key 1000 2000 5 --plain=aes-xts-plain64 --skip=5
    bytes open v/fourth r
    expect_errno EROFS\|EACCES\|EPERM bytes open v/fourth rw
    bytes write v/raw.img 0 4096 6
    bytes check folder/raw.img 0 4096 6
    platterfs unlock --key-file key "$SCRATCH/v/second"
    bytes check v/second 0 65536 1
    expect_errno EROFS\|EACCES\|EPERM bytes open v/second rw
    volumes_unmount "$SCRATCH/v"
    expect_equal "a volume with ro" "$(file_sum folder/b.img)" "$(cat before.b)"
}

# The options of the mount hold for all, those of a line for its image.
check_table_overrides() {
    step "a line's options before the mount's, $mode"
    table "first $SCRATCH/folder/a.img $SCRATCH/key discard=zero" \
        "second $SCRATCH/folder/b.img $SCRATCH/key"
    volumes_mount "$mode,discard=keep,table=$SCRATCH/table" folder "$SCRATCH/v"
    bytes write v/first 0 65536 7
    fallocate -p -o 4096 -l 8192 v/first
    bytes check v/first 4096 8192 0
    bytes write v/second 0 65536 7
    if fallocate -p -o 4096 -l 8192 v/second 2>err; then fail "discard=keep punched"; fi
    volumes_unmount "$SCRATCH/v"
}

# Refused with the file and the line, and nothing mounted.
check_table_bad() {
    local line
    step "bad lines, $mode"
    for line in "justone" \
        "x $SCRATCH/folder/a.img $SCRATCH/key nosuch=1" \
        "x $SCRATCH/folder/a.img $SCRATCH/key type=nosuch" \
        "x $SCRATCH/folder/a.img $SCRATCH/key ro five" \
        "x $SCRATCH/folder/a.img $SCRATCH/key engine=threads" \
        "x/y $SCRATCH/folder/a.img $SCRATCH/key" \
        ".. $SCRATCH/folder/a.img $SCRATCH/key" \
        "good $SCRATCH/folder/a.img $SCRATCH/key"; do
        table "# comment" "good $SCRATCH/folder/b.img $SCRATCH/key" "$line"
        expect_refused 1 "table:3:" "$PLATTERFS" mount -o "table=$SCRATCH/table" folder "$SCRATCH/v"
        not mountpoint -q v || fail "mounted with '$line'"
    done
    expect_refused 1 "nosuch" "$PLATTERFS" mount -o "table=$SCRATCH/nosuch" folder "$SCRATCH/v"
    head -c 100000 /dev/urandom >table
    expect_refused 1 "table:" "$PLATTERFS" mount -o "table=$SCRATCH/table" folder "$SCRATCH/v"
    not mountpoint -q v || fail "mounted with garbage"
}

tools_needed cryptsetup jq setpriv
key_new key
key_new wrong
mkdir v
for mode in "${MODES[@]}"; do
    check_listed
    check_unlock
    check_lock
    check_others
    check_table
    check_table_overrides
    check_table_bad
done
