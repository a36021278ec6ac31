# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the cases about containers have in common; after integration/lib.sh:
#   . "$(dirname "$0")/../containers.sh"
# They run the lines of docs/containers.md as they stand there: those behind "$" are the user's, those
# behind "#" root's. Only the user's name, the folders and the size of an image are this case's.

CONTAINERS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ID=${SCRATCH##*.}
# The names in the page, and what they are here.
WRITTEN=(-e "s|/home/anna|$SCRATCH/home|g" -e "s|/srv/containers|$SCRATCH/srv|g"
    -e "s|anna|pfs-$ID|g" -e "s|/etc/fstab|$SCRATCH/fstab|g"
    -e "s|--size 10G|--size 160M --pbkdf pbkdf2 --pbkdf-force-iterations 1000|g")

tools_needed() { # COMMAND...
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "needs $tool"
    done
}

# An ordinary user with a range of subordinate ids, as useradd(8) gives one to everybody; gone when
# the case ends. $SCRATCH/home is his, $SCRATCH/bin first in his PATH.
user_new() {
    user=pfs-$ID
    undo "userdel -f $user 2>/dev/null || ! id $user"
    useradd --no-create-home --home-dir "$SCRATCH/home" --shell /bin/bash "$user"
    user_id=$(id -u "$user")
    group_id=$(id -g "$user")
    undo "pkill -KILL -u $user_id || true"
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 500000-565535 --add-subgids 500000-565535 "$user"
    mkdir bin home srv
    # Not below home: podman's own clean-up after a container refuses $XDG_RUNTIME_DIR/containers of
    # more than 50 characters, unheard, and `podman run` waits 20 s for it.
    install -d -m 700 -o "$user" -g "$group_id" run home
    # Where platterfs has its sockets for one who is not logged in.
    undo "rm -rf /tmp/platterfs-$user_id"
    # Where others may execute it.
    install -m 755 "$PLATTERFS" bin/platterfs
    undo "chmod $(stat -c %a /dev/fuse) /dev/fuse"
    chmod 666 /dev/fuse
}

as_user() { # COMMAND...
    (cd home && setpriv --reuid="$user_id" --regid="$group_id" --init-groups \
        env HOME="$SCRATCH/home" USER="$user" XDG_RUNTIME_DIR="$SCRATCH/run" \
        CONTAINERS_CONF="$SCRATCH/containers.conf" PATH="$SCRATCH/bin:/usr/local/bin:/usr/bin:/bin" "$@")
}

# All lines of a section, in their order.
page_run() { # HEADING
    step "containers.md: $1"
    local script
    python3 "$CONTAINERS/page.py" "$REPOSITORY/docs/containers.md" "$1" "$SCRATCH" ||
        fail "containers.md has no section '$1'"
    for script in "$SCRATCH"/lines.*; do
        sed -i "${WRITTEN[@]}" "$script"
        sed 's/^/   /' "$script"
        if [[ $script == *.user ]]; then
            as_user bash -e "$script" >page.out 2>page.err </dev/null || page_failed "$1"
        else
            LIBMOUNT_FSTAB=$SCRATCH/fstab PATH=$SCRATCH/bin:$PATH \
                timeout 100 bash -e "$script" >page.out 2>page.err </dev/null || page_failed "$1"
        fi
        cat page.out >>page.all
        rm "$script"
    done
}

page_failed() { # HEADING
    fail "'$1' said: $(cat page.out page.err)"
}

# A root filesystem that is one program, as a tarball of the user's.
rootfs_new() {
    local applet
    mkdir -p rootfs/bin rootfs/etc
    cp "$(command -v busybox)" rootfs/bin/busybox
    # Nothing, if it is static.
    ldd rootfs/bin/busybox 2>/dev/null | { grep -o '/[^ ]*' || true; } | xargs -r cp --parents -Lt rootfs
    for applet in sh cat chown sha256sum; do ln -s busybox "rootfs/bin/$applet"; done
    bytes pattern 3 0 1000000 >rootfs/etc/pattern
    tar -C rootfs --owner=0 --group=0 -cf home/rootfs.tar .
    chown "$user:" home/rootfs.tar
}

# How containers run at all on this machine is none of the page's business.
podman_configure() {
    local conf=containers.conf
    printf '[engine]\n' >"$conf"
    # crun refuses a machine with both versions of cgroups; runc does not.
    if [[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] && command -v crun >/dev/null; then
        printf 'runtime = "crun"\n[containers]\ncgroups = "disabled"\n' >>"$conf"
    else
        printf 'runtime = "runc"\n' >>"$conf"
    fi
    # Not podman's own check: it would make its namespace before anything is mounted.
    as_user unshare --user --map-auto --map-root-user true 2>newuidmap.err ||
        skip "no rootless podman here: $(cat newuidmap.err)"
}

# conmon outlives `podman run` by what it cleans up in the store, which is in use as long.
containers_ended() {
    not pgrep --runstates D,R,S --euid "$user_id" --exact conmon
}

# Root cannot look into a user's mount.
mounted() { # FOLDER
    grep -qF " $SCRATCH/$1 " /proc/self/mountinfo
}

daemons_gone() {
    [[ -z $(daemon_all) ]]
}

# Processes of the case that serve a volume.
daemon_all() {
    local pid
    for pid in /proc/[0-9]*; do
        [[ $(cat "$pid/comm") == platterfs ]] || continue
        if grep -qz "PLATTERFS_TEST_SCRATCH=$SCRATCH" "$pid/environ"; then echo "${pid#/proc/}"; fi
    done 2>/dev/null
}
