#!/bin/bash
# SPDX-License-Identifier: MIT
# Options are obeyed or refused in one clear line with nothing mounted: never ignored.
. "$(dirname "$0")/../lib.sh"

WRONG=(engine=nosuch engine= transport=nosuch discard=nosuch require=nosuch type=nosuch
    lanes=0 lanes=x lanes=-1 lanes=1000000 depth=0 depth=x depth=-1 depth=1000000000
    start=x start=-1 length=0 length=x nosuch nosuch=1 engine)

# Words of fstab that neither the kernel nor libfuse needs of us.
check_words() {
    volumes_mount defaults,relatime,diratime,strictatime,noatime,_netdev,nofail folder "$SCRATCH/v"
    volumes_unmount "$SCRATCH/v"
}

check_wrong() {
    local option
    for option in "${WRONG[@]}"; do
        expect_refused "1|2" "${option%%=*}" "$PLATTERFS" mount -o "$option" folder "$SCRATCH/v"
        not mountpoint -q v || fail "mounted with -o $option"
    done
    expect_wrong_usage mount
    expect_wrong_usage mount folder
    expect_wrong_usage mount folder v more
    expect_wrong_usage mount --nosuch folder v
    expect_wrong_usage umount
    expect_wrong_usage create
    expect_wrong_usage info
    expect_wrong_usage doctor
    expect_wrong_usage prepare
    not mountpoint -q v || fail "something is mounted"
}

expect_wrong_usage() { # ARGUMENT...
    local status=0
    platterfs "$@" >usage.out 2>usage.err || status=$?
    expect_equal "exit code of 'platterfs $*'" $status 2
    [[ -s usage.err && ! -s usage.out ]] || fail "'platterfs $*' did not explain on standard error"
}

check_help() {
    local command
    platterfs --help >help
    for command in mount umount create prepare info doctor status; do
        grep -q "$command" help || fail "--help does not name $command"
        platterfs $command --help >help.$command || fail "$command --help exited with $?"
        [[ -s help.$command ]] || fail "$command --help printed nothing"
    done
    platterfs --version | grep -q '[0-9]' || fail "--version"
}

check_require_mapped() {
    step "require=mapped"
    volumes_mount require=mapped folder "$SCRATCH/v"
    bytes write v/mapped.img 0 4096 1
    not bytes open v/sparse.img rw 2>error || fail "a sparse image was opened"
    volumes_unmount "$SCRATCH/v"
    volumes_mount require=mapped folder/mapped.img "$SCRATCH/v"
    bytes write v/mapped.img 0 4096 1
    volumes_unmount "$SCRATCH/v"
    if platterfs mount -o require=mapped folder/sparse.img "$SCRATCH/v" 2>error; then
        not bytes open v/sparse.img rw || fail "a sparse image was opened"
        volumes_unmount "$SCRATCH/v"
    else
        grep -q '^platterfs: .*mapped' error || fail "refused with: $(cat error)"
        expect_equal "lines" "$(wc -l <error)" 1
    fi
    volumes_mount require=any folder "$SCRATCH/v"
    bytes write v/sparse.img 0 4096 1
    volumes_unmount "$SCRATCH/v"
}

# Fewer lanes and slots than requests: they wait, none is lost.
check_lanes() {
    local options lanes
    for options in lanes=1,depth=1 lanes=1,depth=4 lanes=2,depth=2 lanes=4,depth=64; do
        step "$options, $mode"
        volumes_mount "$mode,$options" folder "$SCRATCH/v"
        lanes=${options#lanes=}
        # Engine threads has a thread for each request in flight, and calls each a lane.
        lanes=${lanes%%,*}
        # With fuse-uring a lane needs a CPU whose queue it serves.
        [[ $mode != *fuse-uring || $lanes -le $(getconf _NPROCESSORS_CONF) ]] ||
            lanes=$(getconf _NPROCESSORS_CONF)
        [[ $mode == engine=threads ]] || expect_equal "lanes" "$(status_field "$SCRATCH/v" .lanes)" "$lanes"
        scatter --api=threads --depth=32 --min=1 --max=300000 v/mapped.img 0 8388608 $((++seed))
        bytes check folder/mapped.img 0 8388608 $seed
        volumes_unmount "$SCRATCH/v"
    done
}

check_memory() {
    local memory
    volumes_mount "$mode" folder "$SCRATCH/v"
    memory=$(status_field "$SCRATCH/v" .memory_bytes)
    ((memory > 0 && memory <= 64 * 1048576)) || fail "$memory bytes of memory without lanes= and depth="
    volumes_unmount "$SCRATCH/v"
}

seed=0
mkdir folder v
image_mapped folder/mapped.img 8M
image_sparse folder/sparse.img 8M
step "wrong ones"
check_wrong
check_words
check_help
check_require_mapped
for mode in "${MODES[@]}"; do
    check_lanes
    check_memory
done
