# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# For cases whose guest runs systemd:   . "$VM/systemd.sh", after lib.sh
# The guest's /usr is the host's below two layers: systemd and udev, if the host has none, unpacked
# as kernels are; and platterfs, as meson installs it. Its /etc is the case's own, so that nothing
# starts which the host happens to have enabled.

INITRD_MODULES+=(overlay)
vm_init=init-systemd
# Everything in one log with one clock, also after journald has ended.
vm_words="loglevel=4 printk.devkmsg=on systemd.log_target=kmsg systemd.log_color=no"
vm_words+=" systemd.show_status=auto"
vm_machine=(-cpu qemu64 -smp 2) # AVX, which max has, is slow here

# What may start by itself. udev is there because systemd mounts no disk that udev has not seen, and
# because it looks into every loop device, as it does on every machine.
SYSTEMD_STARTS=(systemd-fstab-generator kmod-static-nodes.service sys-fs-fuse-connections.mount
    systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket
    systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-udevd.service
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-trigger.service)

# What apt would install here, of the host's own suite: $systemd_layer, or nothing if all is there.
systemd_get() {
    local packages suite
    systemd_layer=
    # shellcheck disable=SC1091
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [[ -n $suite ]] || { echo "not a Debian" && return 1; }
    [[ ! -x /lib/systemd/systemd || ! -x /lib/systemd/systemd-udevd ]] || return 0
    kernel_lists_update "$suite"
    mapfile -t packages < <(kernel_apt "$suite" apt-get -o Dir::State::status=/var/lib/dpkg/status \
        -s --no-install-recommends --no-upgrade install systemd udev | awk '$1 == "Inst" { print $2 }')
    systemd_layer=$VM_CACHE/systemd/$suite
    if [[ ${#packages[@]} -eq 0 ]] || ! packages_unpack "$suite" "$systemd_layer" "${packages[@]}"; then
        echo "cannot download systemd of $suite"
        return 1
    fi
    systemd_usr_merge "$systemd_layer"
}

# Packages still name /lib, /bin and /sbin, which are links into /usr.
systemd_usr_merge() { # FOLDER
    local name
    for name in bin sbin lib; do
        [[ -d $1/$name ]] || continue
        mkdir -p "$1/usr/$name"
        cp -a "$1/$name/." "$1/usr/$name"
        rm -r "${1:?}/$name"
    done
}

# platterfs, as `ninja install` leaves it: $platterfs_layer.
platterfs_install() {
    local build
    build=$(dirname "$(dirname "$PLATTERFS")")
    platterfs_layer=$SCRATCH/installed
    meson install -C "$build" --no-rebuild --quiet --destdir "$platterfs_layer" >install.log 2>&1 ||
        fail "meson install: $(tail -3 install.log)"
    systemd_usr_merge "$platterfs_layer"
}

# The share of a guest: the layers, and an /etc in which nothing is enabled.
systemd_share_new() { # FOLDER
    local unit
    mkdir -p "$1"/etc/systemd/{system,system-generators}
    printf '%s\n' "$platterfs_layer/usr" ${systemd_layer:+"$systemd_layer/usr"} >"$1/layers"
    # Its lib/modules; a kernel of the host's has them in /usr.
    [[ $kernel_root == / ]] || echo "$kernel_root" >>"$1/layers"
    echo 0123456789abcdef0123456789abcdef >"$1/etc/machine-id"
    for unit in {,"$systemd_layer"}/usr/lib/systemd/{system/*.wants,system-generators}/*; do
        [[ " ${SYSTEMD_STARTS[*]} " == *" ${unit##*/} "* ]] || systemd_mask "$unit" "$1/etc/systemd"
    done
}

# A link to nothing at its name in /etc.
systemd_mask() { # UNIT-OR-GENERATOR FOLDER
    case $1 in
    */system-generators/*) ln -sf /dev/null "$2/system-generators/${1##*/}" ;;
    *) ln -sf /dev/null "$2/system/${1##*/}" ;;
    esac
}
