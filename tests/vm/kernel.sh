# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# Debian's kernels, got without installing them: into a cache, which tells later runs from the first
# only by their speed.

VM_CACHE=${PLATTERFS_VM_CACHE:-$REPOSITORY/build/vm-cache}
VM_MIRROR=${PLATTERFS_VM_MIRROR:-http://deb.debian.org}
VM_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# apt with lists and a cache of its own: what the system has installed or configured as its archives
# makes no difference, and nothing of it changes.
kernel_apt() { # SUITE apt-get|apt-cache ARGUMENT...
    local apt=$VM_CACHE/apt/$1
    "$2" -qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::State="$apt" -o Dir::State::status=/dev/null -o Dir::Cache="$apt" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 "${@:3}"
}

# Without the network the lists of the last time will do.
kernel_lists_update() { # SUITE
    local apt=$VM_CACHE/apt/$1 from="deb [signed-by=$VM_KEYRING] $VM_MIRROR"
    mkdir -p "$apt"/{lists,archives}/partial
    {
        echo "$from/debian $1 main"
        [[ $1 == *-* ]] || echo "$from/debian-security $1-security main"
    } >"$apt/sources.list"
    kernel_apt "$1" apt-get update >&2 || echo "   no new lists of $1" >&2
}

# The package behind linux-image-amd64, such as linux-image-6.1.0-50-amd64.
kernel_package() { # SUITE
    kernel_apt "$1" apt-cache show --no-all-versions linux-image-amd64 2>/dev/null |
        sed -n 's/^Depends: .*\(linux-image-[^ ,]*\).*/\1/p'
}

packages_download() { # SUITE FOLDER PACKAGE...
    (cd "$2" && kernel_apt "$1" apt-get download "${@:3}" >&2)
}

# Unpacks beside the place, so that what is there is always whole.
packages_unpack() { # SUITE FOLDER PACKAGE...
    local folder=$2.new package
    [[ ! -d $2 ]] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    packages_download "$1" "$folder" "${@:3}" || return
    for package in "$folder"/*.deb; do
        dpkg -x "$package" "$folder" && rm "$package" || return
    done
    mv "$folder" "$2"
}

# The newest kernel of a Debian suite: $kernel_release, $kernel_image, and $kernel_root, the folder
# whose lib/modules is its own. Fails, with a line that says why, if there is none to be had.
kernel_get() { # SUITE
    local package
    kernel_suite=$1
    kernel_lists_update "$1"
    package=$(kernel_package "$1")
    [[ -n $package ]] || { echo "no kernel of $1: no package lists from $VM_MIRROR" && return 1; }
    kernel_release=${package#linux-image-}
    kernel_version=$(grep -o '^[0-9]*\.[0-9]*' <<<"$kernel_release")
    kernel_root=$VM_CACHE/kernels/$kernel_release
    if [[ -e /boot/vmlinuz-$kernel_release && -d /lib/modules/$kernel_release/kernel ]]; then
        kernel_root=/
    else
        packages_unpack "$1" "$kernel_root" "$package" ||
            { echo "cannot download $package" && return 1; }
        [[ -e $kernel_root/lib/modules/$kernel_release/modules.dep ]] ||
            depmod -b "$kernel_root" "$kernel_release"
    fi
    kernel_image=${kernel_root%/}/boot/vmlinuz-$kernel_release
}

# What a module for this kernel is built with: $kernel_build, for make -C.
kernel_build_get() {
    local headers=linux-headers-$kernel_release folder=$VM_CACHE/build/$kernel_release packages
    mapfile -t packages < <(kernel_apt "$kernel_suite" apt-cache depends "$headers" |
        grep -o 'linux-\(headers\|kbuild\)-.*')
    packages_unpack "$kernel_suite" "$folder" "${packages[@]}" || return
    kernel_build=$folder/usr/src/$headers
    # It names its other half by the place where it would be installed.
    sed -i "s|include /usr/src|include $folder/usr/src|" "$kernel_build/Makefile"
}

# Files of its source, by their names in it, in a folder that is only theirs.
kernel_source_get() { # FOLDER FILE...
    local package=linux-source-$kernel_version folder=$1.new files=("${@:2}")
    [[ ! -d $1 ]] || return 0
    rm -rf "$folder"
    mkdir -p "$folder"
    packages_download "$kernel_suite" "$folder" "$package" || return
    dpkg --fsys-tarfile "$folder"/*.deb | tar -xO "./usr/src/$package.tar.xz" |
        tar -xJ -C "$folder" --strip-components=1 "${files[@]/#/$package/}" || return
    rm "$folder"/*.deb
    mv "$folder" "$1"
}
