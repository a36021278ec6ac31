# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the cases about mount(8) have in common; after integration/lib.sh:
#   . "$(dirname "$0")/../mounting.sh"

# A loop device shows the name of its volume only: so these belong to this case, and to no other.
ID=${SCRATCH##*.}

# mount(8), umount(8) and fsck(8) look for helpers in /sbin only.
helpers_install() {
    local name
    undo "sed -i '\\|TARGET=$SCRATCH/|d' /run/mount/utab"
    for name in mount.platterfs umount.platterfs umount.fuse.platterfs fsck.platterfs; do
        [[ ! -e /sbin/$name && ! -L /sbin/$name ]] || skip "/sbin/$name is there: another version is installed"
        undo "rm -f /sbin/$name"
        ln -s "$PLATTERFS" "/sbin/$name"
    done
}

# The image's own loop devices, each on a line.
loops_on() { # IMAGE
    local backing
    for backing in /sys/block/loop*/loop/backing_file; do
        [[ $(cat "$backing" 2>/dev/null) != "/${1##*/}" ]] || basename "${backing%/loop/backing_file}"
    done
}

# Whatever happens to the case, its devices go.
loops_undo() { # IMAGE
    undo "for l in /sys/block/loop*/loop; do [ \"\$(cat \$l/backing_file 2>/dev/null)\" != '/${1##*/}' ] || losetup -d /dev/\$(basename \${l%/loop}); done"
}

image_new() { # IMAGE SIZE [CREATE OPTION...]
    platterfs create --size "$2" "${@:3}" "$1" >/dev/null
    loops_undo "$1"
}

# No daemon, no device, no mount, no place where one was.
expect_nothing_left() { # FOLDER IMAGE...
    local image pid
    not mountpoint -q "$1" || fail "something is mounted at $1"
    for image in "${@:2}"; do
        expect_equal "loop devices on $image" "$(loops_on "$image")" ""
        for pid in $(pgrep -f "^@platterfs.*$image" || true); do
            # It says that it is done when nothing is left to do but to end.
            poll 5 "process $pid, which serves $image, to end" process_gone "$pid"
        done
    done
    expect_equal "places" "$(compgen -G '/run/platterfs/place.*' || true)" ""
    not grep -qs "TARGET=$SCRATCH/" /run/mount/utab || fail "utab: $(cat /run/mount/utab)"
}

# For poll(): what ends by itself, a moment later.
nothing_left() { # FOLDER IMAGE...
    (expect_nothing_left "$@")
}

# What is mounted there lies on a loop device with direct I/O, and on nothing else.
expect_direct() { # FOLDER
    local source
    source=$(findmnt -no SOURCE "$1")
    [[ $source == /dev/loop* ]] || fail "$1 is on $source"
    expect_equal "direct I/O of $source" "$(cat "/sys/block/${source#/dev/}/loop/dio")" 1
}

# One clear line and this exit code, and nothing is left; PATTERN as for grep -E.
expect_mount_fails() { # CODE PATTERN FOLDER IMAGE COMMAND...
    expect_refused "$1" "$2" "${@:5}"
    expect_nothing_left "$3" "$4"
}

# Until forge_end, what forge.py makes: COMMAND... is what runs it, as a user perhaps.
forge_start() { # COMMAND... FOLDER SOURCE TYPE [SOCKET ANSWER]
    coproc forge { "$@"; }
    read -r _ <&"${forge[0]}" || fail "nothing forged: $*"
}

forge_end() { # FOLDER
    exec {forge[1]}>&-
    wait "$forge_PID"
    umount -i "$1"
}
