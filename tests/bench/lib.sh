# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the benchmarks share: a disk in memory (zram, so that the software's own cost shows) with
# ext4, the ways to a loop device on an image there, and taking all of it down again.
set -euo pipefail

REPOSITORY=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PLATTERFS=${PLATTERFS:-$REPOSITORY/build/src/platterfs}
WAYS=(buffered direct platterfs)

stop() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

[[ $(id -u) == 0 ]] || stop "needs root"
[[ -x $PLATTERFS ]] || stop "$PLATTERFS is missing: meson setup build && ninja -C build"

work=$(mktemp -d /var/tmp/platterfs-bench.XXXXXX)
cleanups=()
way=
clean_up() {
    local i
    [[ -z $way ]] || loop_down
    for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
        eval "${cleanups[i]}" || true
    done
    rm -rf "$work"
}
trap clean_up EXIT
later() {
    cleanups+=("$1")
}

# An ext4 at $work/disk.
disk_make() { # SIZE
    local number
    modprobe zram 2>/dev/null || true
    number=$(cat /sys/class/zram-control/hot_add) || stop "no zram"
    later "echo $number >/sys/class/zram-control/hot_remove"
    echo "$1" >"/sys/block/zram$number/disksize"
    mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "/dev/zram$number"
    mkdir "$work/disk"
    mount "/dev/zram$number" "$work/disk"
    later "umount $work/disk"
}

image_make() { # SIZE
    mkdir "$work/disk/images" "$work/volumes"
    "$PLATTERFS" create --size "$1" "$work/disk/images/bench.img" >/dev/null
}

# $device: a loop device on the image: buffered or direct by the kernel alone, or direct on a
# platterfs volume. What it holds is to be mounted at $work/data.
loop_up() { # buffered|direct|platterfs [MOUNT OPTION...]
    way=$1
    case $1 in
    buffered) device=$(losetup -f --show "$work/disk/images/bench.img") ;;
    direct) device=$(losetup -f --show --direct-io=on "$work/disk/images/bench.img") ;;
    platterfs)
        "$PLATTERFS" mount "${@:2}" "$work/disk/images" "$work/volumes"
        device=$(losetup -f --show --direct-io=on "$work/volumes/bench.img")
        ;;
    esac
    [[ $1 == buffered || $(cat "/sys/block/${device#/dev/}/loop/dio") == 1 ]] ||
        stop "$device has no direct I/O"
}

loop_down() {
    local i
    umount "$work/data" 2>/dev/null || true
    losetup -d "$device"
    for ((i = 0; i < 100; i++)); do
        [[ -e /sys/block/${device#/dev/}/loop ]] || break
        sleep 0.05
    done
    [[ $way != platterfs ]] || "$PLATTERFS" umount "$work/volumes"
    way=
}

# FUSE over io_uring is off until somebody switches it on; as it was when the benchmark ends.
enable_uring() {
    local switch=/sys/module/fuse/parameters/enable_uring
    [[ -e $switch ]] || stop "this kernel has no FUSE over io_uring (Linux 6.14)"
    later "echo $(cat $switch) >$switch"
    echo 1 >$switch
}

# What makes figures worthless is said before them.
machine_say() {
    echo "machine: $(nproc) CPUs, $(awk -F': ' '/model name/ { print $2; exit }' /proc/cpuinfo)," \
        "Linux $(uname -r); load before: $(cut -d' ' -f1-3 /proc/loadavg)"
    awk '$1 > 0.5 { print "warning: the machine is not idle; the figures are noisy" }' /proc/loadavg
}
