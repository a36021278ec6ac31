# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What every case begins with:   . "$(dirname "$0")/../lib.sh"
# Started by hand, a case restarts itself under case.py, which makes $SCRATCH, keeps the time and
# takes away everything the case leaves behind; so no case has to clean up.
set -euo pipefail

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[[ -n ${PLATTERFS_TEST_SCRATCH:-} ]] || exec python3 "$TESTS/case.py" "$0"

REPOSITORY=$(cd "$TESTS/../.." && pwd)
CASE=$(cd "$(dirname "$0")" && pwd)
SCRATCH=$PLATTERFS_TEST_SCRATCH
PLATTERFS=${PLATTERFS:-$REPOSITORY/build/src/platterfs}
PATH=$TESTS/tools:${PLATTERFS_TEST_TOOLS:-$REPOSITORY/build/tests/integration}:/usr/sbin:/sbin:$PATH
cd "$SCRATCH"

# --- Saying what happens

step() {
    printf -- '-- [%4.1f s] %s\n' "$(elapsed)" "$*"
}

STARTED=$EPOCHREALTIME
elapsed() {
    awk -v a="$STARTED" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }'
}

fail() {
    printf -- '-- FAILED: %s\n' "$*"
    exit 1
}
trap 'printf -- "-- FAILED: %s, line %s: %s\n" "${BASH_SOURCE[0]##*/}" "$LINENO" "$BASH_COMMAND"' ERR
set -E

# The whole case cannot run here.
skip() {
    printf -- 'SKIP: %s\n' "$*"
    exit 77
}

# A part of the case cannot run here; tests/run shows this line too.
skip_part() {
    printf -- 'SKIP PART: %s\n' "$*"
}

# --- Expecting

expect_equal() { # WHAT GOT WANTED
    [[ $2 == "$3" ]] || fail "$1 is '$2', expected '$3'"
}

# The command must fail with this errno, as tools/bytes.c says it.
expect_errno() { # ERRNO|ERRNO... COMMAND...
    local wanted=$1 text status=0
    shift
    text=$("$@" 2>&1) || status=$?
    [[ $status -ne 0 ]] || fail "'$*' succeeded, expected $wanted"
    [[ ${text##* } =~ ^($wanted)$ ]] || fail "'$*' gave '$text', expected $wanted"
}

# The command must fail with one of these exit codes and one clear line on standard error; wrong
# usage (2) may add the line that says how it is used.
expect_refused() { # CODE|CODE... PATTERN COMMAND...
    local codes=$1 pattern=$2 status=0
    shift 2
    timeout 30 "$@" >refused.out 2>refused.err || status=$?
    [[ $status =~ ^($codes)$ ]] || fail "'$*' exited with $status, expected $codes: $(cat refused.err)"
    [[ $status -ne 2 ]] || sed -i '2{/^usage: /d}' refused.err
    [[ $(wc -l <refused.err) -eq 1 ]] || fail "'$*' did not print one line: $(cat refused.err)"
    grep -Eq "^platterfs( [a-z]+)?: .*($pattern)" refused.err ||
        fail "'$*' printed '$(cat refused.err)', expected 'platterfs: ...$pattern'"
}

# Waits until the command succeeds.
poll() { # SECONDS WHAT COMMAND...
    local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((${EPOCHREALTIME/./} < deadline)) || fail "waited in vain for: $what"
        sleep 0.02
    done
}

not() {
    ! "$@"
}

# A line of bash that case.py runs when all is unmounted, even if the case is killed.
undo() {
    printf '%s\n' "$1" >>"$SCRATCH/.undo"
}

# --- Disks

# A block device nobody else uses, so that its counters are ours: $disk.
disk_new() { # NAME SIZE [LOSETUP OPTION...]
    truncate -s "$2" "$SCRATCH/$1.disk"
    disk=$(losetup -f --show --direct-io=on "${@:3}" "$SCRATCH/$1.disk") || skip "no loop device"
}

# The same with a filesystem at $SCRATCH/NAME, so that nothing but the case writes: $disk, $folder.
disk_mount() { # NAME ext4|xfs|btrfs SIZE [LOSETUP OPTION...]
    disk_new "$1" "$3" "${@:4}"
    folder=$SCRATCH/$1
    mkdir "$folder"
    filesystem_make "$2" "$disk"
    filesystem_mount "$2" "$disk" "$folder"
}

filesystem_make() { # TYPE DEVICE
    case $1 in
    ext4) mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 "$2" ;;
    xfs) mkfs.xfs -q -f "$2" ;;
    btrfs) mkfs.btrfs -q -f "$2" >/dev/null ;;
    esac
}

filesystem_mount() { # TYPE DEVICE FOLDER
    case $1 in
    # Without the commit every 5 s the disk's counters stand still when nobody writes.
    ext4) mount -o commit=3600 "$2" "$3" ;;
    *) mount "$2" "$3" ;;
    esac
}

# A disk in memory: $disk. Its mem_limit makes true write errors.
zram_new() { # SIZE
    local number
    [[ -e /sys/class/zram-control/hot_add ]] || modprobe zram 2>/dev/null || true
    [[ -e /sys/class/zram-control/hot_add ]] || skip "no zram in this kernel"
    number=$(cat /sys/class/zram-control/hot_add)
    undo "echo 1 >/sys/block/zram$number/reset; echo $number >/sys/class/zram-control/hot_remove"
    disk=/dev/zram$number
    # A hot-added device starts with the last user's settings gone, but be sure.
    echo "$1" >"/sys/block/zram$number/disksize"
    poll 5 "$disk" test -b "$disk"
}

zram_mount() { # NAME SIZE
    zram_new "$2"
    folder=$SCRATCH/$1
    mkdir "$folder"
    filesystem_make ext4 "$disk"
    filesystem_mount ext4 "$disk" "$folder"
}

disk_stat() { # DEVICE: its counters' file
    printf '/sys/block/%s/stat' "${1#/dev/}"
}

disk_reads() { # DEVICE
    awk '{ print $1 }' "$(disk_stat "$1")"
}

disk_flushes() { # DEVICE
    awk '{ print $16 }' "$(disk_stat "$1")"
}

# --- Images

# Every block written: what `platterfs create` makes, without relying on it.
image_mapped() { # FILE SIZE
    local size
    size=$(numfmt --from=iec "$2")
    dd if=/dev/zero of="$1" bs=1M count="$size" iflag=count_bytes oflag=direct conv=fsync status=none
}

image_sparse() { # FILE SIZE
    truncate -s "$2" "$1"
}

# "LOGICAL PHYSICAL LENGTH FLAGS" in bytes, a line each extent. Adjacent ones with the same flags
# are one line, however the filesystem cuts them.
extents() { # FILE
    filefrag -v -b512 "$1" | awk -F'[:.]+ *' '
        function put() { if (length_) print logical, physical, length_, flags }
        /^ *[0-9]+:/ {
            split($0, part, ":"); gsub(/ /, "", part[2]); gsub(/ /, "", part[3])
            split(part[2], l, "[.][.]"); split(part[3], p, "[.][.]")
            n = split($0, rest, ":"); f = rest[n]
            gsub(/[ ,]*(last|eof|merged)/, "", f); gsub(/[ ,]+/, "", f); if (f == "") f = "-"
            at = l[1] * 512; on = p[1] * 512; len = (l[2] - l[1] + 1) * 512
            if (length_ && at == logical + length_ && on == physical + length_ && f == flags) {
                length_ += len; next
            }
            put(); logical = at; physical = on; length_ = len; flags = f
        }
        END { put() }'
}

# Bytes of the image in extents that are written and its own.
extents_written() { # FILE
    extents "$1" | awk '$4 == "-" { sum += $3 } END { print sum + 0 }'
}

expect_mapped() { # IMAGE
    local size written
    size=$(stat -c %s "$1")
    sync "$1"
    written=$(extents_written "$1")
    ((written >= size)) || fail "$1 is not mapped: $written of $size bytes are: $(extents "$1" | head -5)"
}

# Both read past the page cache.
expect_same_bytes() { # FILE FILE
    local size
    size=$(stat -c %s "$1")
    expect_equal "size of $2" "$(stat -c %s "$2")" "$size"
    cmp <(bytes read "$1" 0 "$size") <(bytes read "$2" 0 "$size") || fail "$1 and $2 differ"
}

pages_cached() { # FILE
    fincore -nbo PAGES "$1" | tr -d ' '
}

# --- Volumes

# Which ways there are to run the daemon: what flows through it is tested on each.
MODES=(engine=threads)
if [[ $(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 0) == 0 ]]; then
    MODES=(engine=io_uring,transport=dev "${MODES[@]}")
    # Off until somebody switches it on; as it was when the case ends.
    enable_uring=/sys/module/fuse/parameters/enable_uring
    if [[ -e $enable_uring ]]; then
        undo "echo $(cat $enable_uring) >$enable_uring"
        echo 1 >$enable_uring
        MODES=(engine=io_uring,transport=fuse-uring "${MODES[@]}")
    else
        skip_part "transport=fuse-uring: not in this kernel (Linux 6.14)"
    fi
else
    skip_part "engine=io_uring: forbidden here (kernel.io_uring_disabled)"
fi

platterfs() {
    timeout 60 "$PLATTERFS" "$@"
}

# Mounts in the background, as users do. Must return, and serve when it returns.
volumes_mount() { # OPTIONS SOURCE MOUNTPOINT
    [[ -e $3 ]] || mkdir "$3" 2>/dev/null || true # may be a dead mount
    platterfs mount -o "$1" "$2" "$3" || fail "mount -o $1 $2 failed"
    mountpoint -q "$3" || fail "mount returned, but $3 is no mount point"
}

# Mounts in the foreground, with the log at $SCRATCH/NAME.log; leaves $daemon.
volumes_mount_logged() { # NAME OPTIONS SOURCE MOUNTPOINT [COMMAND PREFIX...]
    mkdir -p "$4"
    "${@:5}" "$PLATTERFS" mount -f -o "$2" "$3" "$4" >"$SCRATCH/$1.log" 2>&1 &
    daemon=$!
    poll 10 "$4 to be mounted" mountpoint -q "$4"
}

volumes_unmount() { # MOUNTPOINT
    platterfs umount "$1" || fail "platterfs umount $1 failed"
    not mountpoint -q "$1" || fail "$1 is still mounted"
}

# The same if not all that was written is on the device.
volumes_unmount_failed() { # MOUNTPOINT
    expect_refused 1 "a write or the last flush failed" "$PLATTERFS" umount "$1"
    not mountpoint -q "$1" || fail "$1 is still mounted"
}

# The process that serves this mount.
daemon_pid() { # MOUNTPOINT
    local pid
    for pid in /proc/[0-9]*; do
        [[ $(readlink "$pid/exe") == "$(readlink -f "$PLATTERFS")" ]] || continue
        tr '\0' '\n' <"$pid/cmdline" | grep -qxF -- "$1" || continue
        echo "${pid#/proc/}"
    done 2>/dev/null
}

process_gone() { # PID
    [[ ! -e /proc/$1 ]] || grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null
}

status_field() { # MOUNTPOINT JQ-FILTER
    platterfs status --json "$1" | jq -r ".mounts[0]$2"
}

# --- Loop devices above a volume

loop_new() { # FILE [LOSETUP OPTION...]: $loop
    loop=$(losetup -f --show "${@:2}" "$1")
}

# Detaches, and waits until it is: `losetup -d` alone returns before that.
loop_end() { # DEVICE
    losetup -d "$1"
    poll 10 "$1 to be detached" test ! -e "/sys/block/${1#/dev/}/loop/backing_file"
}

# --- What the machine must have

[[ $(id -u) -eq 0 ]] || skip "needs root"
[[ -e /dev/fuse ]] || modprobe fuse 2>/dev/null || true
[[ -e /dev/fuse ]] || skip "needs /dev/fuse"
[[ -e /dev/loop-control ]] || modprobe loop 2>/dev/null || true
[[ -e /dev/loop-control ]] || skip "needs loop devices"
[[ -x $PLATTERFS ]] || fail "no $PLATTERFS: build first, or use tests/run"
