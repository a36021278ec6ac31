# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# In the guest, at each boot: all that was written in earlier ones must be there; then there is more.
# How the boot ends is in `plan`, and up to who started this.
set -euo pipefail
cd /share
. ./vocabulary.sh
. ./plan # boot, sleeps, grows, end
trap 'die "line $LINENO: $BASH_COMMAND"' ERR
set -E

# --- What there must be

volumes_check() {
    local volume
    for volume in "${VOLUMES[@]}"; do
        mountpoint -q "/mnt/$volume" || die "/mnt/$volume is not mounted"
    done
    [[ ! -s sums ]] || sha256sum --quiet --check sums >&2 || die "what was written is not there"
}

# A piece that is not counted yet may be there too.
logs_check() {
    local volume count
    for volume in "${WRITTEN[@]}"; do
        count=$(cat "count-$volume")
        ((count == 0)) || bytes check "/mnt/$volume/log" 0 $((count * PIECE)) $SEED ||
            die "/mnt/$volume/log has lost what was synced"
    done
}

# --- More

files_write() {
    local volume
    for volume in "${VOLUMES[@]}"; do
        bytes open "/mnt/$volume/$boot" w create
        bytes write "/mnt/$volume/$boot" 0 $LENGTH "$boot"
        bytes fsync "/mnt/$volume/$boot"
    done
}

# Each of them.
writers_go_on() {
    local volume count
    for volume in "${WRITTEN[@]}"; do
        count=$(($(cat "count-$volume") + 2))
        until (($(cat "count-$volume") >= count)); do
            systemctl is-active -q "writer@$volume" || die "the writer on $volume has ended"
        done
    done
}

# --- More room: the writer is at it, and knows nothing. Containers may not, so it is tried here.

raw_grows() {
    local device before
    device=$(findmnt -no SOURCE /mnt/raw)
    before=$(stat -f -c %b /mnt/raw)
    platterfs resize /srv/images/raw.img 32M >said
    grep -q "next: resize2fs $device" said || die "resize said: $(cat said)"
    resize2fs "$device" >said 2>&1 || die "resize2fs: $(cat said)"
    (($(stat -f -c %b /mnt/raw) >= before + 1500)) || die "the filesystem has not grown"
}

# --- Sleep, as far as freezing everything: from a real one the guest's 9p does not come back

sleep_once() {
    local before
    before=$(cat /sys/power/suspend_stats/success)
    systemctl start suspend.target
    (($(cat /sys/power/suspend_stats/success) == before + 1)) || die "did not fall asleep"
    writers_go_on
}

sleep_several_times() {
    local n
    systemctl enable -q platterfs-sleep
    systemctl start load@raw load@above
    echo freezer >/sys/power/pm_test
    echo 0 >/sys/module/suspend/parameters/pm_test_delay
    for ((n = 1; n <= 3; n++)); do
        sleep_once
    done
    systemctl stop load@raw load@above
    # Its drop-in has it unmounted for that, with the one that depends on it: no key is in memory.
    ! mountpoint -q /mnt/safe || die "/mnt/safe is mounted"
    ! grep -q 'safe[.]img' /proc/[0-9]*/cmdline 2>/dev/null || die "the daemon of safe.img is there"
    systemctl start mnt-plain.mount
    mountpoint -q /mnt/safe || die "/mnt/safe is not mounted again"
}

dmesg --console-level debug # from here on the console is the log
say "begins"
volumes_check
logs_check
files_write
systemctl start "${WRITTEN[@]/#/writer@}"
[[ $grows != yes ]] || raw_grows
[[ $sleeps != yes ]] || sleep_several_times
journalctl -b -o short-monotonic >"journal-$boot"
writers_go_on
say "ends"
