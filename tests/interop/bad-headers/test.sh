#!/bin/bash
# SPDX-License-Identifier: MIT
# Damaged headers, one field at a time (tools/bad_header.py): refused with a line that says why, or
# opened and right; never a crash, never endless, and never a change to the image. All damages are
# tried; those that end differently are listed.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

CRASH='signal|crash|Sanitizer|runtime error|Assert|dumped'
SECONDS_LIMIT=10
wrong=()

# Why the outcome is none of those it may be; nothing if it is.
outcome_wrong() { # OUTCOME REGEX STATUS
    if (($3 >= 124)); then
        echo "exit code $3 (a crash, or endless)"
    elif grep -Eq "$CRASH" err; then
        echo "crashed: $(head -3 err)"
    elif (($3 == 0)); then
        opened_wrong "$1"
    elif [[ $1 == opens ]]; then
        echo "refused: $(cat err)"
    elif (($3 != 1)); then
        echo "exit code $3"
    elif [[ $(wc -l <err) -ne 1 ]]; then
        echo "$(wc -l <err) lines: $(head -3 err)"
    elif ! grep -Eq "^platterfs( [a-z]+)?: .*($2)" err; then
        echo "names no reason of '$2': $(cat err)"
    elif mountpoint -q v; then
        echo "refused, but mounted"
    fi
}

opened_wrong() { # OUTCOME
    if ! mountpoint -q v; then
        echo "exit code 0, but not mounted"
        return
    fi
    if [[ $1 == refused ]]; then
        echo "opened"
    elif (($(stat -c %s bad.img) <= OFFSET)); then
        [[ $(stat -c %s v/bad.img) -eq 0 ]] || echo "opened, with the size $(stat -c %s v/bad.img)"
    else
        bytes check v/bad.img 0 65536 1 2>&1 | sed 's/^/other data: /'
    fi
    timeout -s KILL 20 "$PLATTERFS" umount "$SCRATCH/v" 2>&1 || echo "umount failed"
}

check_damage() { # NAME OUTCOME REGEX
    local status=0 sum problem
    bad_header.py make "$1" good.img bad.img
    sum=$(file_sum bad.img)
    timeout -s KILL $SECONDS_LIMIT "$PLATTERFS" mount -o "type=luks,keyfile=$SCRATCH/key" bad.img \
        "$SCRATCH/v" </dev/null >out 2>err || status=$?
    problem=$(outcome_wrong "$2" "$3" $status)
    [[ $(file_sum bad.img) == "$sum" ]] || problem+=" the image was changed"
    if [[ -n $problem ]]; then
        wrong+=("$1")
        printf '   wrong: %s, expected %s: %s\n' "$1" "$2" "${problem//$'\n'/ }"
    fi
}

check_all() { # luks1|luks2
    local name outcome regex count=0
    step "$1"
    rm -f good.img
    luks_new good.img 3M "$1" --key-size 512
    volume_key good.img vk
    plaintext_put good.img vk 0 65536 1
    OFFSET=$(data_offset good.img)
    # An image that does not open proves nothing by being refused.
    volumes_mount "type=luks,keyfile=$SCRATCH/key" good.img "$SCRATCH/v"
    bytes check v/good.img 0 65536 1
    volumes_unmount "$SCRATCH/v"
    while IFS=$'\t' read -r name outcome regex; do
        check_damage "$name" "$outcome" "$regex"
        count=$((count + 1))
    done < <(bad_header.py list "$1")
    step "$count damages to $1"
    ((count > 100)) || fail "only $count damages"
}

# Without type= the image is known by its magic. Who gives a keyfile has not asked for a raw volume.
check_auto() {
    local name
    step "type=auto with the first magic gone"
    for name in copies-first-zeroed copies-first-magic-flipped copies-both-zeroed; do
        bad_header.py make luks2-$name good.img bad.img
        if platterfs mount -o "keyfile=$SCRATCH/key" bad.img "$SCRATCH/v" 2>err; then
            bytes check v/bad.img 0 65536 1 || wrong+=("auto-$name")
            volumes_unmount "$SCRATCH/v"
        else
            expect_mount_refused "LUKS|header|key" "keyfile=$SCRATCH/key" bad.img
        fi
    done
}

# 2^32 - 1 iterations are an honest number, and half an hour: it must be possible to give up.
check_endless() { # SIGNAL [-]: to the mount alone, or as Ctrl-C does to its process group
    local mount pid
    step "giving up, by SIG$1 ${2:+to all of the group}"
    rm -f good.img
    luks_new good.img 3M luks1
    bad_header.py make "luks1-slot-iterations-max" good.img bad.img
    # As from an interactive shell: in a process group, and with SIGINT's default.
    python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setpgid(0, 0)
os.execv(sys.argv[1], sys.argv[1:])' "$PLATTERFS" mount -o "type=luks,keyfile=$SCRATCH/key" bad.img \
        "$SCRATCH/v" >out 2>err </dev/null &
    mount=$!
    poll 10 "the passphrase to be tried" tried_for_a_while $mount
    family $mount >tree
    kill "-$1" -- "${2:-}$mount"
    poll 5 "mount and its children to end after SIG$1" all_gone
    not mountpoint -q v || fail "mounted"
}

# A process and all that came of it.
family() { # PID
    local child
    echo "$1"
    for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do family "$child"; done
}

# Some CPU time, in ticks.
tried_for_a_while() { # PID
    local pid ticks=0
    for pid in $(family "$1"); do
        ticks=$((ticks + $(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null || echo 0)))
    done
    ((ticks > 20))
}

all_gone() {
    local pid
    while read -r pid; do process_gone "$pid" || return; done <tree
}

# Before case.py looks for what is left: it might not know them by their environment.
end_family() {
    local pid
    [[ ! -e tree ]] || while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done <tree
}

tools_needed cryptsetup
key_new key
mkdir v
trap end_family EXIT
check_all luks1
check_all luks2
check_auto
((${#wrong[@]} == 0)) || fail "${#wrong[@]} damages ended differently: ${wrong[*]}"
check_endless INT -
check_endless TERM
