#!/bin/bash
# SPDX-License-Identifier: MIT
# No byte of a key where others could find it: not in arguments, environment, log or core dumps of
# the daemon, not in memory that can be swapped; and no plaintext in the image. The scanner itself
# is shown to find a key that is there.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../interop.sh"

MARKER="this is plaintext, and must not be in the image"

check_scanner() {
    step "the scanner finds what is there"
    { head -c 300001 /dev/urandom && head -c 20 vk | tail -c 16 && head -c 5000 /dev/urandom; } >planted
    find_key vk planted || fail "16 bytes of the key were not found"
    { head -c 1000 /dev/urandom && od -An -v -tx1 vk | tr -d ' \n'; } >planted
    find_key vk planted || fail "the key in hexadecimal was not found"
    head -c 300001 /dev/urandom >planted
    expect_missing vk planted
    # A process that does hold the key, dumped in the same way.
    python3 -c 'import sys, time; key = open("vk", "rb").read(); print(flush=True); time.sleep(100)' >ready &
    poll 10 "a process with the key" test -s ready
    dump $! planted.core
    kill $!
    find_key vk planted.core || fail "the key of a process was not found in its dump"
}

dump() { # PID FILE
    gcore -o "$2" "$1" >gcore.out 2>&1 || fail "gcore: $(cat gcore.out)"
    mv "$2.$1" "$2"
}

expect_no_key() { # FILE...
    expect_missing vk "$@"
    expect_missing key "$@"
}

# The scanner says with an exit code of its own that it has looked, and found nothing.
expect_missing() { # KEY FILE...
    local status=0
    find_key "$@" || status=$?
    [[ $status -eq 3 ]] || fail "bytes of $1 were found, or the scanner failed ($status)"
}

marker_write() { # VOLUME
    python3 - "$1" "$MARKER" <<'EOF'
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
marker = sys.argv[2].encode()
for at in range(0, 1 << 20, 3333):
    assert os.pwrite(fd, marker, at) == len(marker)
os.fsync(fd)
assert os.pread(fd, len(marker), 3333) == marker
EOF
}

check_daemon() { # what is in /proc, the log and a dump, with the volume open
    local pid
    pid=$(daemon_pid "$SCRATCH/v")
    [[ -n $pid ]] || fail "no daemon"
    exec 8<>v/a.img
    marker_write v/a.img
    # Decrypted in the daemon's buffers, and left there.
    bytes read v/a.img 0 1048576 >/dev/null
    step "arguments, environment, log, a core dump, $mode"
    cat "/proc/$pid/cmdline" >cmdline
    cat "/proc/$pid/environ" >environ
    dump "$pid" daemon.core
    [[ $(stat -c %s daemon.core) -gt 100000 ]] || fail "no dump: $(cat gcore.out)"
    expect_no_key cmdline environ daemon.core ./*.log out err
    if grep -aqF "$MARKER" daemon.core; then fail "plaintext in a core dump"; fi
    # The same memory that a dump leaves out is there for who may read all of it.
    check_locked "$pid"
    check_untraceable "$pid"
    exec 8>&-
    rm daemon.core
}

check_locked() { # PID
    local locked
    step "locked memory, $mode"
    locked=$(awk '/^VmLck:/ { print $2 }' "/proc/$1/status")
    ((locked > 0)) || fail "the daemon has no locked memory"
    everything_dump "$1" everything
    if [[ $(find_key vk everything >where; echo $?) -eq 0 ]]; then
        # Only where it is locked and left out of dumps (smaps: lo, dd).
        sed 's/.* at //' where | while read -r offset; do
            flags_at "$1" "$offset" everything.map
        done | grep -v 'dd' >swappable || true
        [[ ! -s swappable ]] || fail "key bytes in memory that is swapped or dumped: $(head -3 swappable)"
    fi
    rm -f everything everything.map
}

# All memory of a process, one mapping behind the other; FILE.map says which is where.
everything_dump() { # PID FILE
    python3 - "$1" "$2" <<'EOF'
import re, sys
at, pid = 0, sys.argv[1]
with open(f"/proc/{pid}/mem", "rb", 0) as mem, open(sys.argv[2], "wb") as out, \
        open(sys.argv[2] + ".map", "w") as index:
    region = None
    for line in open(f"/proc/{pid}/smaps"):
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line)
        if found:
            region = (int(found[1], 16), int(found[2], 16), found[3], line.split()[-1])
        elif line.startswith("VmFlags:"):
            start, end, mode, name = region
            if "r" not in mode or name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            try:
                mem.seek(start)
                data = mem.read(end - start)
            except OSError:
                continue
            out.write(data)
            print(at, at + len(data), line.strip(), name, file=index)
            at += len(data)
EOF
}

flags_at() { # PID OFFSET MAP: the VmFlags of the mapping, "dd" only if it is locked as well
    awk -v at="$2" '$1 <= at && at < $2 { if (/ lo/) print; else { gsub(/ dd/, ""); print } }' "$3"
}

check_untraceable() { # PID
    step "another user, $mode"
    expect_equal "owner of /proc/$1/environ" "$(stat -c %u "/proc/$1/environ")" 0
    not setpriv --reuid=65534 --regid=65534 --clear-groups cat "/proc/$1/environ" >/dev/null 2>&1 ||
        fail "another user reads its environment"
    not setpriv --reuid=65534 --regid=65534 --clear-groups head -c 1 "/proc/$1/mem" >/dev/null 2>&1 ||
        fail "another user reads its memory"
    setpriv --reuid=65534 --regid=65534 --clear-groups gdb -p "$1" -batch -ex 'print 1' >gdb.out 2>&1 || true
    grep -Eq 'ptrace: |not permitted|denied' gdb.out || fail "another user traces it: $(cat gdb.out)"
}

# A crash must not write one either, whatever the limit.
check_no_core() {
    local pid
    step "a crash, $mode"
    mkdir -p crash
    (
        cd crash || exit
        ulimit -c unlimited
        volumes_mount "$mode,keyfile=$SCRATCH/key" "$SCRATCH/a.img" "$SCRATCH/w"
    )
    pid=$(daemon_pid "$SCRATCH/w")
    exec 8<>w/a.img
    kill -SEGV "$pid"
    poll 10 "the daemon to end" process_gone "$pid"
    exec 8>&- || true
    umount -l w
    [[ -z $(find crash -type f) ]] || fail "a core dump: $(ls crash)"
}

check_after() {
    step "the image, $mode"
    expect_equal "markers after decryption" "$(reference read a.img vk 0 1048576 | grep -aoF "$MARKER" | wc -l)" 315
    if grep -aqF "${MARKER:0:16}" a.img; then fail "plaintext in the image"; fi
    expect_missing vk a.img
}

check_mode() { # foreground: with a log
    volumes_mount_logged daemon "$mode,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    check_daemon
    platterfs status --json "$SCRATCH/v" >status.log
    platterfs lock "$SCRATCH/v/a.img" >out 2>err || fail "lock: $(cat err)"
    platterfs unlock --key-file key "$SCRATCH/v/a.img" >out 2>err || fail "unlock: $(cat err)"
    check_daemon
    expect_no_key status.log
    volumes_unmount "$SCRATCH/v"
    check_after
    expect_no_key daemon.log
}

# After lock, nobody has the key: not even in locked memory.
check_wiped() {
    local pid
    step "wiped after lock, $mode"
    volumes_mount "$mode,keyfile=$SCRATCH/key" a.img "$SCRATCH/v"
    bytes write v/a.img 0 65536 1
    pid=$(daemon_pid "$SCRATCH/v")
    everything_dump "$pid" everything
    find_key vk everything || skip_part "the key of an open volume is not in readable memory: cannot tell"
    poll 5 "lock" platterfs lock "$SCRATCH/v/a.img"
    everything_dump "$pid" everything
    expect_no_key everything
    rm everything everything.map
    volumes_unmount "$SCRATCH/v"
}

tools_needed cryptsetup gcore setpriv
: >out
: >err
key_new key
mkdir v w
luks_new a.img 4M luks2
volume_key a.img vk
check_scanner
for mode in "${MODES[@]}"; do
    check_mode
    check_wiped
    check_no_core
done
