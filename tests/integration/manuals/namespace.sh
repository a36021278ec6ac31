# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Runs a command where the folders that man pages name are those of a scratch folder:
#   unshare -m bash -e namespace.sh SCRATCH COMMAND...
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount --bind "$1/srv" /srv
mount --bind "$1/etc" /etc/platterfs
cd "$1/home" || exit
# mount(8) looks for helpers in /sbin only.
mkdir /run/sbin /run/work
mount -t overlay -o lowerdir=/usr/sbin,upperdir=/run/sbin,workdir=/run/work sbin /usr/sbin
for helper in mount umount fsck umount.fuse; do
    ln -sfT "$(readlink -f "$1/bin/platterfs")" "/usr/sbin/$helper.platterfs"
done
for folder in images secret part old; do
    mkdir "/run/$folder"
done
PATH=$1/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
shift
exec "$@"
