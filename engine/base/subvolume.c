/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* btrfs subvolumes by ioctl(2): no library is needed for five calls. */
#include "engine/base/subvolume.h"

#include "engine/base/cleanup.h"
#include "engine/base/mounts.h"

#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

bool vzr_is_btrfs(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == BTRFS_SUPER_MAGIC;
}

bool vzr_subvolume_is(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_ino == BTRFS_FIRST_FREE_OBJECTID && vzr_is_btrfs(fd);
}

static int set_name(char *field, size_t size, const char *name)
{
	if (strchr(name, '/'))
		return -EINVAL;
	return snprintf(field, size, "%s", name) < (int)size ? 0 : -ENAMETOOLONG;
}

int vzr_subvolume_make(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };
	int r = set_name(args.name, sizeof(args.name), name);

	if (r < 0)
		return r;
	return ioctl(dirfd, BTRFS_IOC_SUBVOL_CREATE_V2, &args) < 0 ? -errno : 0;
}

int vzr_subvolume_snapshot(int from_fd, int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = from_fd };
	int r = set_name(args.name, sizeof(args.name), name);

	if (r < 0)
		return r;
	return ioctl(dirfd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}

int vzr_subvolume_set_readonly(int fd, bool readonly)
{
	uint64_t flags;

	if (ioctl(fd, BTRFS_IOC_SUBVOL_GETFLAGS, &flags) < 0)
		return -errno;
	if (readonly)
		flags |= BTRFS_SUBVOL_RDONLY;
	else
		flags &= ~(uint64_t)BTRFS_SUBVOL_RDONLY;
	return ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, &flags) < 0 ? -errno : 0;
}

int vzr_subvolume_remove(int dirfd, const char *name)
{
	struct btrfs_ioctl_vol_args args = { 0 };
	VZR_AUTO_CLOSE int fd =
		openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : set_name(args.name, sizeof(args.name), name);

	if (r < 0)
		return r;
	if (!vzr_subvolume_is(fd))
		return -EINVAL;
	/* The kernel would take the mounts away with the subvolume. */
	r = vzr_mounts_below(fd);
	if (r != 0)
		return r < 0 ? r : -EBUSY;
	return ioctl(dirfd, BTRFS_IOC_SNAP_DESTROY, &args) < 0 ? -errno : 0;
}
