// SPDX-License-Identifier: MIT
#include "image/filesystem.h"

#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "util/macros.h"

/* Those that linux/magic.h does not have. */
#define MAGIC_BCACHEFS 0xca451a4el
#define MAGIC_FUSE     0x65735546l
#define MAGIC_NTFS     0x5346544el
#define MAGIC_NTFS3    0x7366746el
#define MAGIC_EXFAT    0x2011bab0l
#define MAGIC_ZFS      0x2fc12fc1l
#define MAGIC_CEPH     0x00c36400l
#define MAGIC_GFS2     0x01161970l
#define MAGIC_JFS      0x3153464al

static const struct filesystem filesystems[] = {
	{EXT4_SUPER_MAGIC, "ext4", FILESYSTEM_ORDINARY},
	{XFS_SUPER_MAGIC, "xfs", FILESYSTEM_ORDINARY},
	{F2FS_SUPER_MAGIC, "f2fs", FILESYSTEM_ORDINARY},
	{MSDOS_SUPER_MAGIC, "vfat", FILESYSTEM_ORDINARY},
	{MAGIC_EXFAT, "exfat", FILESYSTEM_ORDINARY},
	{MAGIC_NTFS, "ntfs", FILESYSTEM_ORDINARY},
	{MAGIC_NTFS3, "ntfs3", FILESYSTEM_ORDINARY},
	{MAGIC_JFS, "jfs", FILESYSTEM_ORDINARY},
	{TMPFS_MAGIC, "tmpfs", FILESYSTEM_MEMORY},
	{RAMFS_MAGIC, "ramfs", FILESYSTEM_MEMORY},
	{HUGETLBFS_MAGIC, "hugetlbfs", FILESYSTEM_MEMORY},
	{NFS_SUPER_MAGIC, "nfs", FILESYSTEM_NETWORK},
	{SMB_SUPER_MAGIC, "smb", FILESYSTEM_NETWORK},
	{CIFS_SUPER_MAGIC, "cifs", FILESYSTEM_NETWORK},
	{SMB2_SUPER_MAGIC, "smb2", FILESYSTEM_NETWORK},
	{V9FS_MAGIC, "9p", FILESYSTEM_NETWORK},
	{AFS_SUPER_MAGIC, "afs", FILESYSTEM_NETWORK},
	{MAGIC_CEPH, "ceph", FILESYSTEM_NETWORK},
	{MAGIC_GFS2, "gfs2", FILESYSTEM_NETWORK},
	{MAGIC_FUSE, "fuse", FILESYSTEM_FUSE},
	{OVERLAYFS_SUPER_MAGIC, "overlayfs", FILESYSTEM_STACKED},
	{ECRYPTFS_SUPER_MAGIC, "ecryptfs", FILESYSTEM_STACKED},
	{BTRFS_SUPER_MAGIC, "btrfs", FILESYSTEM_COPY_ON_WRITE},
	{MAGIC_BCACHEFS, "bcachefs", FILESYSTEM_COPY_ON_WRITE},
	{MAGIC_ZFS, "zfs", FILESYSTEM_COPY_ON_WRITE},
	{NILFS_SUPER_MAGIC, "nilfs2", FILESYSTEM_COPY_ON_WRITE},
};

static const struct filesystem filesystem_unknown = {0, "a filesystem platterfs does not know",
						     FILESYSTEM_ORDINARY};

const struct filesystem *filesystem_find(int fd)
{
	struct statfs status;

	if (fstatfs(fd, &status) < 0)
		return NULL;
	/* f_type is signed on some machines and would not compare equal to a magic above 2^31. */
	for (size_t i = 0; i < ARRAY_LENGTH(filesystems); i++)
		if ((uint32_t)filesystems[i].magic == (uint32_t)status.f_type)
			return &filesystems[i];
	return &filesystem_unknown;
}

bool filesystem_copies_on_write(int fd)
{
	const struct filesystem *filesystem = filesystem_find(fd);
	int flags = 0;

	if (!filesystem || filesystem->kind != FILESYSTEM_COPY_ON_WRITE)
		return false;
	return ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 || !(flags & FS_NOCOW_FL);
}

void filesystem_set_nocow(int fd)
{
	int flags;

	if (!filesystem_copies_on_write(fd) || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	/* A folder's chattr +c is inherited; btrfs wants it gone before, not with the same call. */
	if (flags & FS_COMPR_FL) {
		flags &= ~FS_COMPR_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	flags |= FS_NOCOW_FL;
	ioctl(fd, FS_IOC_SETFLAGS, &flags);
}
