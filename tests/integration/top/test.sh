#!/bin/bash
# SPDX-License-Identifier: MIT
# top shows what was done in its interval and nothing else; those with most to do come first; on a
# terminal it draws within the window, and gives the terminal back however it ends.
. "$(dirname "$0")/../lib.sh"

# Runs the command between the two moments that top looks at.
top_around() { # COMMAND...: writes top.json
    "$PLATTERFS" top --once --json --interval 3 "$SCRATCH/v" >top.json &
    local top=$!
    # It sleeps between its two questions.
    poll 5 "top to wait" sleeping $top
    "$@"
    wait $top
}

sleeping() { # PID
    [[ $(cat "/proc/$1/syscall") == "230 "* || $(cat "/proc/$1/wchan") == hrtimer_nanosleep ]]
}

expect_figure() { # VOLUME FIELD WANTED
    expect_equal "$1 $2" "$(jq ".mounts[0].volumes[] | select(.name == \"$1\") | $2" top.json)" "$3"
}

busy() {
    bytes write v/busy.img 0 $((40 * 65536)) 7
    dd if=v/busy.img of=/dev/null bs=64K count=16 iflag=direct status=none
    dd if=/dev/zero of=v/idle.img bs=4K count=3 oflag=direct,dsync conv=notrunc status=none
}

check_counts() {
    local before after
    # What has been done before top looks is not its concern.
    dd if=v/busy.img of=/dev/null bs=64K count=5 iflag=direct status=none
    before=$(platterfs status --json "$SCRATCH/v")
    top_around busy
    after=$(platterfs status --json "$SCRATCH/v")
    for field in reads writes flushes read_bytes write_bytes errors; do
        for volume in busy.img idle.img; do
            expect_figure $volume ".interval.$field" "$(difference $volume $field)"
        done
    done
    expect_figure busy.img .interval.write_bytes $((40 * 65536))
    expect_figure busy.img .interval.read_bytes $((16 * 65536))
    expect_figure idle.img .interval.writes 3
    expect_figure never.img .interval.reads 0
    jq -e '.seconds > 2.5 and .seconds < 10' top.json >rate || fail "seconds: $(jq .seconds top.json)"
    jq -e '.seconds as $s | .mounts[0].volumes[0] | [.per_second.write_bytes * $s - .interval.write_bytes
        | fabs] | .[0] < 1' top.json >rate || fail "rates are not counts by seconds: $(cat top.json)"
}

difference() { # VOLUME FIELD
    jq -n --argjson before "$before" --argjson after "$after" --arg volume "$1" --arg field "$2" '
        def of(x): x.mounts[0].volumes[] | select(.name == $volume) | .[$field];
        of($after) - of($before)'
}

# More than was done before, less than what the volume next to it does.
check_order() {
    "$PLATTERFS" top --once --interval 2 "$SCRATCH/v" >table &
    local top=$!
    poll 5 "top to wait" sleeping $top
    busy
    wait $top
    expect_equal "first and second" "$(sed -n 3,4p table | awk '{ printf "%s ", $1 }')" "busy.img idle.img "
    [[ $(sed -n 1p table) =~ ^$SCRATCH/v:\ engine\ threads,\ transport\ dev,\ [0-9]+\ lanes, ]] ||
        fail "line of the mount: $(sed -n 1p table)"
    awk 'NR == 3 && $7 > 1.0 && $7 < 2.0 { found = 1 } END { exit !found }' table ||
        fail "busy.img wrote 2.6 MB in 2 seconds: $(sed -n 3p table)"
}

check_refused() {
    expect_refused 1 "not a platterfs mount" "$PLATTERFS" top --once /
    expect_refused 1 "not a platterfs mount" "$PLATTERFS" top --once "$SCRATCH/nowhere"
    for interval in 0 0.05 x 1s -1 nan inf 1e9 ""; do
        expect_refused 2 "seconds" "$PLATTERFS" top --once --interval "$interval"
    done
    expect_refused 2 "at most one" "$PLATTERFS" top --once "$SCRATCH/v" more
    expect_refused 2 "nosuch" "$PLATTERFS" top --nosuch
}

# One line an interval, until nobody reads them any more.
check_pipe() {
    { timeout 20 "$PLATTERFS" top --json --interval 0.1 || true; } | head -3 >lines
    expect_equal "lines of JSON" "$(jq -c 'has("seconds")' lines | xargs)" "true true true"
}

step "refused"
mkdir folder v
for image in busy.img idle.img never.img; do
    image_mapped folder/$image 4M
done
# Names may hold what a terminal takes for a command.
image_mapped folder/$'evil\e[2Jname' 4K
volumes_mount engine=threads folder "$SCRATCH/v"
check_refused
step "counts"
check_counts
step "order"
check_order
not grep -q $'\e' table || fail "a name with an escape is shown as it is"
step "pipe"
check_pipe
step "terminal"
PLATTERFS=$PLATTERFS python3 "$CASE/terminal.py" "$SCRATCH/v"
volumes_unmount "$SCRATCH/v"
