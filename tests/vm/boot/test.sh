#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine with systemd that mounts all its volumes by fstab, ten boots long. What was synced before
# a reboot is there after it, also if that came without warning; at shutdown nothing waits in vain
# and everything is unmounted, daemons last; it sleeps while somebody writes, and a filesystem grows.
#
# The disk is a file of the host. A reboot loses what is in the guest's memory, and only that: what
# QEMU has taken is in the host's page cache, flushed or not.
. "$(dirname "$0")/../lib.sh"
. "$VM/systemd.sh"
. "$CASE/vocabulary.sh"

BOOT_SECONDS=150 # if the host has other things to do

# How each boot ends. A boot after `reboot` or `reboot --force`, which leaves it to systemd-shutdown,
# finds everything unmounted; after the last of these ways nothing was.
clean="systemctl reboot --no-block"
forced="systemctl reboot --force"
cut="eval echo b >/proc/sysrq-trigger"
ENDS=("$clean" "$clean" "$cut" "$clean" "$forced" "$clean" "$clean" "$cut" "$clean" "$clean")
SLEEPS=2 # which boot does
GROWS=4  # likewise

# --- The disk

PLAIN=type=plain,cipher=aes-xts-plain64,key-size=512

# Small blocks would not suit the sectors of LUKS2.
filesystem_new() { # IMAGE MOUNT-OPTIONS [MKFS-OPTION...]
    local name=${1##*/}
    platterfs mount -o "$2" "$1" v 2>/dev/null
    mkfs.ext4 -q -F -b 4096 -L "${name%.img}" "${@:3}" "v/$name"
    # With one mount it is due for a check: at each boot.
    [[ $name != raw.img ]] || tune2fs -c 1 v/raw.img >/dev/null
    volumes_unmount v
}

image_new() { # IMAGE CREATE-OPTION...
    platterfs create --size 24M "${@:2}" "$1" 2>/dev/null
}

images_make() { # FOLDER
    local name
    mkdir "$1/images" "$1/more" v safe
    head -c 32 /dev/urandom >safe.key
    head -c 64 /dev/urandom >safe/plain.key
    for name in images/raw images/above more/deep; do
        image_new "$1/$name.img"
        filesystem_new "$1/$name.img" rw
    done
    image_new "$1/images/safe.img" --type luks2 --key-file safe.key --pbkdf pbkdf2 \
        --pbkdf-force-iterations 1000 --size 40M
    filesystem_new "$1/images/safe.img" "keyfile=$SCRATCH/safe.key" -d safe
    image_new "$1/images/plain.img" --type plain --cipher aes-xts-plain64 --key-size 512 \
        --key-file safe/plain.key
    filesystem_new "$1/images/plain.img" "$PLAIN,keyfile=$SCRATCH/safe/plain.key"
}

disk_make() {
    disk_mount srv ext4 224M
    images_make "$folder"
    umount "$folder"
    loop_end "$disk"
}

share_make() {
    local volume
    mkdir -p share/tools
    systemd_share_new share
    cp -a "$CASE/etc/." share/etc
    cp safe.key share/etc/platterfs
    cp "$CASE"/{guest,writer,vocabulary}.sh share
    cp "$(command -v bytes)" share/tools
    for volume in "${WRITTEN[@]}"; do echo 0 >"share/count-$volume"; done
    : >share/sums
}

# --- A boot

boot_run() { # NUMBER END
    local sleeps=no grows=no
    ((SLEEPS != $1)) || sleeps=yes
    ((GROWS != $1)) || grows=yes
    printf 'boot=%s end=%q sleeps=%s grows=%s\n' "$1" "$2" "$sleeps" "$grows" >share/plan
    vm_start "boot-$1" "$SCRATCH/share" $BOOT_SECONDS -drive file=srv.disk,format=raw,if=virtio
    vm_wait "boot-$1" || fail "boot $1: $(grep -o 'guest: FAILED.*' "boot-$1.console.log")"
}

# What every later boot must find.
sums_add() { # NUMBER
    local sum volume
    sum=$(bytes pattern "$1" 0 $LENGTH | sha256sum)
    for volume in "${VOLUMES[@]}"; do
        echo "${sum%% *}  /mnt/$volume/$1" >>share/sums
    done
}

# When the console said this first, in seconds of the guest.
said_at() { # NUMBER PATTERN
    local line
    line=$(grep -m1 -E -- "$2" "boot-$1.console.log") || fail "boot $1 did not say: $2"
    sed 's/^.*\[ *\([0-9.]*\)\].*/\1/' <<<"$line"
}

said_in_order() { # NUMBER PATTERN...
    local pattern at last=0
    for pattern in "${@:2}"; do
        at=$(said_at "$1" "$pattern")
        awk -v a="$last" -v b="$at" 'BEGIN { exit a > b }' || fail "boot $1: too early: $pattern"
        last=$at
    done
}

# --- What its beginning tells: the end before it

expect_in_journal() { # NUMBER PATTERN
    grep -qE -- "$2" "share/journal-$1" || fail "boot $1: no line of the journal says: $2"
}

not_in_journal() { # NUMBER PATTERN
    not grep -E -- "$2" "share/journal-$1" || fail "boot $1: see the line above"
}

RECOVERY='recovering journal|EXT4-fs .*: recovery complete'

beginning_judge() { # NUMBER END-BEFORE
    if [[ $2 == "$cut" ]]; then
        # So a filesystem that was not unmounted is noticed.
        expect_in_journal "$1" "$RECOVERY"
    else
        not_in_journal "$1" "$RECOVERY"
    fi
}

# The sixth field: e2fsck's lines begin with a filesystem's label.
checks_judge() { # NUMBER
    (($1 == 1)) || expect_in_journal "$1" 'mount\[[0-9]+\]: raw .*mounted .* check forced'
    expect_in_journal "$1" 'mount\[[0-9]+\]: safe: (clean|recovering journal)'
    not_in_journal "$1" 'mount\[[0-9]+\]: plain: '
}

absent_judge() { # NUMBER
    expect_equal "lines about absent.img" \
        "$(grep -c 'mount\[[0-9]*\]: platterfs: .*absent' "share/journal-$1")" 1
    expect_in_journal "$1" 'platterfs: /srv/images/absent.img: No such file or directory'
}

# --- What its end tells

# Nobody was waited for in vain, or killed for it; and the kernel has nothing to complain about.
WAITED='stop job is running .*\(([3-9][0-9]s|[0-9]+min)|timed out|Killing|SIGKILL to PID|Waiting for process'
WAITED+='|blocked for more than|refusing to freeze|I/O error'

ending_judge() { # NUMBER END
    not grep -E "$WAITED" "boot-$1.console.log" || fail "boot $1: see the line above"
    [[ $2 != "$clean" ]] || order_judge "$1"
    [[ $2 == "$cut" ]] || step "boot $1: $(said_at "$1" 'guest: begins') s to its work," \
        "$(seconds_between "$1" 'guest: ends' 'reboot: Restarting system') s to shut down"
}

seconds_between() { # NUMBER PATTERN PATTERN
    awk -v a="$(said_at "$1" "$2")" -v b="$(said_at "$1" "$3")" 'BEGIN { print b - a }'
}

order_judge() { # NUMBER
    local pair
    # What is on the left is gone before what is on the right begins to go.
    for pair in plain:mnt-safe above:run-images; do
        said_in_order "$1" "Unmounted mnt-${pair%:*}.mount" "Unmounting ${pair#*:}.mount"
    done
    said_in_order "$1" "Unmounted mnt-deep.mount" "Unmounting run-more.mount" \
        "Stopped platterfs@run-more.service"
    for pair in "Unmounted mnt-raw.mount" "Unmounted mnt-safe.mount" "Unmounted run-images.mount" \
        "Stopped platterfs@run-more.service"; do
        said_in_order "$1" "$pair" "Unmounting srv.mount" "Unmounted srv.mount"
    done
}

kernel_get bookworm >why || skip "no kernel for a guest: $(cat why)"
systemd_get >why || skip "no systemd for a guest: $(cat why)"
platterfs_install
disk_make
share_make
before=$clean
for ((boot = 1; boot <= ${#ENDS[@]}; boot++)); do
    end=${ENDS[boot - 1]}
    boot_run $boot "$end"
    sums_add $boot
    beginning_judge $boot "$before"
    checks_judge $boot
    absent_judge $boot
    ending_judge $boot "$end"
    before=$end
done
