# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What every case with a virtual machine begins with:   . "$(dirname "$0")/../lib.sh"
# It adds to integration's vocabulary: a Debian kernel (kernel.sh), and a guest in QEMU that runs the
# case's guest.sh on it. The guest is software only (TCG), so that it works where there is no
# /dev/kvm; its root is the host's, read-only over 9p, so that no disk image has to be made, and it
# boots in a few seconds.
. "$(dirname "${BASH_SOURCE[0]}")/../integration/lib.sh"

VM=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$VM/kernel.sh"

# --- The first file system of the guest

# What it takes to see the host's files; the rest is loaded from there.
INITRD_MODULES=(virtio_pci virtio_blk 9pnet_virtio 9p)

# Their files, each after those that it needs.
initrd_modules() {
    modprobe -d "$kernel_root" -S "$kernel_release" -a --show-depends "${INITRD_MODULES[@]}" |
        awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

initrd_modules_copy() { # FOLDER
    local module number=100
    for module in $(initrd_modules); do
        number=$((number + 1)) # the order in which they are loaded
        case $module in
        *.xz) xz -dc "$module" >"$1/$number.ko" ;;
        *) cp "$module" "$1/$number.ko" ;;
        esac
    done
}

initrd_make() { # FILE
    local folder=$SCRATCH/initrd
    rm -rf "$folder"
    mkdir -p "$folder"/{bin,dev,proc,sys,host,modules}
    cp "$VM/$vm_init" "$folder/init"
    initrd_modules_copy "$folder/modules"
    cp "$(command -v busybox)" "$folder/bin/busybox"
    ldd "$folder/bin/busybox" | grep -o '/[^ ]*' | xargs -r cp --parents -Lt "$folder"
    (cd "$folder" && find . | cpio -o -H newc --quiet | gzip -1) >"$1"
}

# --- A guest

# Starts the kernel of the last kernel_get; in it, SHARE/guest.sh as root, with SHARE as its folder.
# Goes on in the background: vm_wait must follow. The console is in $SCRATCH/NAME.console.log.
vm_start() { # NAME SHARE SECONDS [QEMU-ARGUMENT...]
    local fs=local,security_model=none,multidevs=remap
    # The guest's modules are mounted there, on the host's read-only root; a host without a kernel of
    # its own, a container say, does not have it.
    if [[ ! -d /lib/modules ]]; then
        mkdir /lib/modules
        undo "rmdir /lib/modules"
    fi
    [[ -e $vm_init.$kernel_release ]] || initrd_make "$vm_init.$kernel_release"
    rm -f "$2/.result"
    timeout "$3" qemu-system-x86_64 -accel tcg,thread=multi "${vm_machine[@]}" -m 1024 \
        -nodefaults -no-reboot -display none -serial "file:$SCRATCH/$1.console.log" \
        -kernel "$kernel_image" -initrd "$vm_init.$kernel_release" \
        -append "console=ttyS0 panic=-1 cryptomgr.notests=1 mitigations=off modules=$kernel_root/lib/modules share=$2 $vm_words" \
        -fsdev "$fs,id=host,path=/,readonly=on" -device virtio-9p-pci,fsdev=host,mount_tag=host \
        -fsdev "$fs,id=share,path=$2" -device virtio-9p-pci,fsdev=share,mount_tag=share \
        "${@:4}" >"$1.qemu.log" 2>&1 &
    vm_pids[$1]=$!
    vm_shares[$1]=$2
}
declare -A vm_pids vm_shares
vm_init=init                # the first process: a file beside this one
vm_words="quiet loglevel=3" # more of the kernel's command line
vm_machine=(-cpu max -smp 1)

# The exit code of guest.sh. A guest that did not come so far is a failure of the case.
vm_wait() { # NAME
    local status=0 result=${vm_shares[$1]}/.result
    wait "${vm_pids[$1]}" || status=$?
    [[ $status -ne 124 ]] || fail "guest $1: still running when its time was over"
    [[ -s $result ]] || fail "guest $1: ended without a result (qemu: $status $(head -3 "$1.qemu.log"))"
    return "$(cat "$result")"
}
