#!/bin/bash
# SPDX-License-Identifier: MIT
# mount returns when the mount serves, and with one line and nothing mounted if it cannot; -f stays;
# SIGTERM unmounts; auto_unmount cleans up even after SIGKILL.
. "$(dirname "$0")/../lib.sh"

check_serves_at_once() {
    local i
    for i in {1..20}; do
        platterfs mount folder "$SCRATCH/v"
        cmp v/a.img folder/a.img || fail "round $i"
        volumes_unmount "$SCRATCH/v"
    done
}

# A daemon that kept our standard output would keep this waiting for ever.
check_lets_go() {
    local text
    text=$(platterfs mount folder "$SCRATCH/v" 2>&1)
    expect_equal "what mount says" "$text" ""
    expect_equal "the daemon's folder" "$(readlink "/proc/$(daemon_pid "$SCRATCH/v")/cwd")" /
    volumes_unmount "$SCRATCH/v"
}

check_refused() {
    expect_refused 1 "[Nn]o such file" "$PLATTERFS" mount "$SCRATCH/nowhere" "$SCRATCH/v"
    expect_refused 1 "[Nn]o such file" "$PLATTERFS" mount folder "$SCRATCH/nowhere"
    expect_refused 1 "" "$PLATTERFS" mount folder "$SCRATCH/folder/a.img"
    expect_refused "1|2" "nosuch" "$PLATTERFS" mount -o nosuch=1 folder "$SCRATCH/v"
    expect_refused "1|2" "" "$PLATTERFS" mount -f -o engine=nosuch folder "$SCRATCH/v"
    expect_refused 1 "[Pp]ermission" setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$PLATTERFS" mount "$SCRATCH/closed" "$SCRATCH/nobody"
    expect_refused 1 "" "$PLATTERFS" umount "$SCRATCH/v"
    expect_equal "mounts" "$(findmnt -rno TARGET | grep -c "^$SCRATCH" || true)" 0
    expect_equal "daemons" "$(daemon_pid "$SCRATCH/v")" ""
}

check_signal() { # SIGNAL
    volumes_mount rw folder "$SCRATCH/v"
    pid=$(daemon_pid "$SCRATCH/v")
    kill "-$1" "$pid"
    poll 5 "the daemon to end after SIG$1" process_gone "$pid"
    not mountpoint -q v || fail "still mounted after SIG$1"
    not grep -q "$SCRATCH/v" /proc/self/mountinfo || fail "still mounted after SIG$1"
}

check_foreground() {
    volumes_mount_logged foreground rw folder "$SCRATCH/v"
    cmp v/a.img folder/a.img
    not process_gone "$daemon" || fail "-f did not stay"
    volumes_unmount "$SCRATCH/v"
    wait "$daemon" || fail "exit code $? after umount"
    volumes_mount_logged foreground rw folder "$SCRATCH/v"
    kill "$daemon"
    wait "$daemon" || fail "exit code $? after SIGTERM"
    not mountpoint -q v || fail "still mounted"
}

check_auto_unmount() { # MODE
    volumes_mount "$1,auto_unmount" folder "$SCRATCH/v"
    cmp v/a.img folder/a.img
    kill -9 "$(daemon_pid "$SCRATCH/v")"
    poll 5 "auto_unmount" not grep -q "$SCRATCH/v" /proc/self/mountinfo
    volumes_mount "$1,auto_unmount" folder "$SCRATCH/v"
    volumes_unmount "$SCRATCH/v"
}

# An unmounted daemon may not lose what is being written: umount waits, or says it is in use.
check_busy() {
    volumes_mount rw folder "$SCRATCH/v"
    exec 9<>v/a.img
    if platterfs umount v 2>error; then
        bytes write @9 0 4096 5 2>/dev/null || true
    else
        expect_equal "lines about the failed umount" "$(wc -l <error)" 1
        bytes write @9 0 4096 5 dsync
        bytes check folder/a.img 0 4096 5
    fi
    exec 9>&-
    not mountpoint -q v || poll 5 "umount after closing" platterfs umount v
}

mkdir folder v nobody closed
chmod 700 closed
chown 65534 nobody
image_mapped folder/a.img 1M
step "serves at once"
check_serves_at_once
check_lets_go
step "refuses"
check_refused
step "signals"
check_signal TERM
check_signal INT
check_signal HUP
check_foreground
step "in use"
check_busy
for mode in "${MODES[@]}"; do
    step "auto_unmount, $mode"
    check_auto_unmount "$mode"
done
