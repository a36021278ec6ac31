#!/bin/bash
# SPDX-License-Identifier: MIT
# Each thing that an ordinary user may lack is taken from him, and he is told what is missing and what
# helps, in one line: the one in the table of docs/security.md, letter by letter.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../containers.sh"

# The page has this text, with the names it uses.
expect_documented() { # TEXT
    local text=${1//$SCRATCH\/home//home/anna}
    grep -qF -- "\`$text\`" "$REPOSITORY/docs/security.md" || fail "security.md does not say: $text"
}

# Exit code 1 and nothing but this line; nothing is mounted.
expect_line() { # LINE COMMAND...
    local status=0
    "${@:2}" >said.out 2>said.err || status=$?
    expect_equal "what '${*:2}' said" "$(cat said.err)" "$1"
    [[ $status == 1 || $status == 32 ]] || fail "'${*:2}' exited with $status"
    not mounted home/vol || fail "mounted: ${*:2}"
    expect_documented "$1"
}

# Runs it as the user, where root has changed something that nobody else sees.
altered() { # ROOT'S COMMAND, COMMAND...
    unshare --mount --propagation private bash -ec "$1"'; shift; cd home
        PATH=/usr/bin:/bin exec "$SETPRIV" --reuid='"$user_id"' --regid='"$group_id"' --clear-groups "$@"' - "$@"
}

status_read() {
    as_user platterfs status --json "$SCRATCH/home/vol" >status.json
}

# The log of a mount that works all the same has this line.
expect_logged() { # LINE OPTIONS COMMAND-PREFIX...
    "${@:3}" "$SETPRIV" --reuid="$user_id" --regid="$group_id" --clear-groups \
        "$SCRATCH/bin/platterfs" mount -f -o "$2" "$SCRATCH/home/data.img" "$SCRATCH/home/vol" \
        >daemon.log 2>&1 &
    poll 10 "the mount" mounted home/vol
    as_user head -c 1 vol/data.img >/dev/null
    # In the foreground nobody tells when commands are answered, too.
    poll 10 "the status" status_read
    as_user platterfs umount "$SCRATCH/home/vol"
    wait $! || fail "the daemon: $(cat daemon.log)"
    [[ -z $1 ]] || grep -qF -- "$1" daemon.log || fail "the log has no '$1': $(cat daemon.log)"
    [[ -z $1 ]] || expect_documented "$1"
}

# A control group of 96 MiB: $group. Of either version of cgroups.
memory_group() {
    local limit
    group=/sys/fs/cgroup/memory/platterfs-$ID
    [[ -d ${group%/*} ]] || group=/sys/fs/cgroup/platterfs-$ID
    mkdir "$group" 2>/dev/null || return 1
    undo "rmdir $group"
    for limit in memory.limit_in_bytes memory.max; do
        if [[ -e $group/$limit ]]; then
            echo $((96 << 20)) >"$group/$limit"
            return
        fi
    done
    return 1
}

within_group() { # COMMAND...
    bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" \
        setpriv --reuid="$user_id" --regid="$group_id" --init-groups env -C "$SCRATCH/home" "$@"
}

tools_needed fusermount3 cryptsetup
user_new
# Still there when /usr/bin is not.
install -m 755 "$(command -v setpriv)" bin/setpriv
SETPRIV=$SCRATCH/bin/setpriv
export SETPRIV
image_mapped home/data.img 1M
install -d -o "$user" -m 755 home/vol
install -d home/root
chown "$user:" home/data.img
mount_it=("$SCRATCH/bin/platterfs" mount data.img vol)

step "the image, the folder"
chmod 0 home/data.img
expect_line "platterfs: data.img: Permission denied" as_user "${mount_it[@]}"
chmod 600 home/data.img
expect_line "platterfs: data.img: fusermount3: user has no write access to mountpoint \
$SCRATCH/home/root; mount at a folder that is yours" as_user platterfs mount data.img root

step "fusermount3"
expect_line "platterfs: data.img: fuse: failed to exec fusermount3: No such file or directory; \
install the package fuse3" altered "mount -t tmpfs none /usr/bin" "${mount_it[@]}"
not_setuid="platterfs: data.img: fusermount3: mount failed: Operation not permitted; fusermount3 must \
be setuid root (package fuse3), which a container with no-new-privileges forbids"
install -m 755 "$(command -v fusermount3)" plain
expect_line "$not_setuid" altered "mount --bind plain $(command -v fusermount3)" "${mount_it[@]}"
expect_line "$not_setuid" as_user setpriv --no-new-privs "${mount_it[@]}"

step "/dev/fuse"
mkdir dev
expect_line "platterfs: data.img: fuse: failed to open /dev/fuse: Permission denied; its mode should \
be 666, as udev sets it" altered "mount -t tmpfs none dev; mknod -m 600 dev/fuse c 10 229
    mount --bind dev/fuse /dev/fuse" "${mount_it[@]}"
expect_line "platterfs: data.img: fuse: device not found, try 'modprobe fuse' first; in a container: \
--device /dev/fuse" altered "mount -t tmpfs none dev; mknod -m 666 dev/null c 1 3; mount --move dev /dev" \
    "${mount_it[@]}"

step "allow_other"
: >fuse.conf
expect_line "platterfs: data.img: fusermount3: option allow_other only allowed if 'user_allow_other' is \
set in /etc/fuse.conf; root adds that line to it" altered "mount --bind fuse.conf /etc/fuse.conf" \
    "$SCRATCH/bin/platterfs" mount -o allow_other data.img vol
as_user platterfs mount data.img "$SCRATCH/home/vol"
status=0
(cd home && losetup -f --show vol/data.img) 2>said.err || status=$?
expect_equal "exit code of losetup" $status 1
expect_documented "$(cat said.err)"
as_user platterfs umount "$SCRATCH/home/vol"

step "block devices"
expect_line "platterfs: data.img: needs root, as every loop device does" as_user platterfs attach data.img
ln -s platterfs bin/mount.platterfs
expect_line "platterfs: $SCRATCH/home/data.img: option fsck: needs root" \
    as_user mount.platterfs "$SCRATCH/home/data.img" "$SCRATCH/home/vol" -o user,fsck

step "passthrough"
if as_user platterfs mount --help | grep -q passthrough; then
    expect_logged "data.img: no passthrough: only root may" passthrough env
fi

step "io_uring"
forbidden="kernel.io_uring_disabled, or the container's seccomp profile"
if [[ ${MODES[0]} != engine=threads ]]; then
    expect_logged "platterfs: $SCRATCH/home/vol: io_uring is not allowed here ($forbidden): engine threads" \
        rw deny-io-uring EPERM
    expect_equal "engine" "$(jq -r '.mounts[0].engine' status.json)" threads
    install -m 755 "$(command -v deny-io-uring)" bin/
    expect_line "platterfs: data.img: engine=io_uring: $forbidden" deny-io-uring EPERM \
        bash -c 'cd home && exec "$@"' - "$SETPRIV" --reuid="$user_id" --regid="$group_id" --clear-groups \
        "$SCRATCH/bin/platterfs" mount -o engine=io_uring data.img vol

    step "RLIMIT_MEMLOCK"
    expect_logged "platterfs: $SCRATCH/home/vol: io_uring is not allowed here (its rings need more locked \
memory than RLIMIT_MEMLOCK: ulimit -l): engine threads" rw prlimit --memlock=0:0
    expect_equal "memory_locked" "$(jq -c '.mounts[0].memory_locked' status.json)" false
fi

step "FUSE over io_uring"
switch=/sys/module/fuse/parameters/enable_uring
if [[ ${MODES[0]} == *fuse-uring ]]; then
    echo 0 >$switch
    expect_line "platterfs: data.img: transport=fuse-uring: this kernel does not offer it (Linux 6.14, \
/sys/module/fuse/parameters/enable_uring)" as_user platterfs mount -o transport=fuse-uring data.img vol
    expect_logged "" rw env
    expect_equal "transport" "$(jq -r '.mounts[0].transport' status.json)" dev
    echo 1 >$switch
fi

step "memory for Argon2"
if memory_group; then
    echo secret >home/luks.key
    chown "$user:" home/luks.key
    image_mapped home/luks.img 24M
    cryptsetup luksFormat -q --type luks2 --key-file home/luks.key --pbkdf argon2id \
        --pbkdf-force-iterations 4 --pbkdf-memory 262144 home/luks.img
    chown "$user:" home/luks.img
    expect_line "platterfs: luks.img: unlocking ended by signal 9: Argon2 may need more memory than there \
is" within_group "$SCRATCH/bin/platterfs" mount -o "keyfile=$SCRATCH/home/luks.key" luks.img vol
else
    skip_part "memory for Argon2: no cgroup can be made here"
fi
poll 10 "the daemons to end" daemons_gone
