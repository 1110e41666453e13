/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Applying attributes. A new inode mostly has the right owner and mode already; what differs is
 * set, and what was set is read back, because a file system may take a call and do less.
 */
#include "engine/unpack/attr.h"

#include "engine/base/cleanup.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6 */
#endif

static int no_attribute(const char *name, struct vzr_error *err)
{
	bool acl = strncmp(name, "system.", 7) == 0;

	if (errno == EOPNOTSUPP)
		return vzr_fail(err, -EOPNOTSUPP, "the file system takes no %s (attribute %.100s)",
				acl ? "ACLs" : "such attributes", name);
	if (errno == EINVAL)
		return vzr_fail(err, -VZR_E_ARCHIVE, "its attribute %.100s has no valid value",
				name);
	return vzr_fail_errno(err, "cannot set attribute %.100s", name);
}

/* The kernel hands version 3 capabilities of its own root out as version 2. */
static bool same_capability(const void *set, size_t set_len, const void *got, size_t got_len)
{
	struct vfs_ns_cap_data a = {0}, b = {0};
	uint32_t revision = VFS_CAP_REVISION_MASK;

	if (set_len > sizeof(a) || got_len > sizeof(b))
		return false;
	memcpy(&a, set, set_len);
	memcpy(&b, got, got_len);
	return (a.magic_etc & ~htole32(revision)) == (b.magic_etc & ~htole32(revision)) &&
	       memcmp(a.data, b.data, sizeof(a.data)) == 0 && a.rootid == b.rootid;
}

int vzr_attr_set_xattr(int fd, const char *name, const void *value, size_t len,
		       struct vzr_error *err)
{
	VZR_AUTO_FREE char *got = malloc(len + 64);
	ssize_t n;

	if (!got)
		return vzr_fail_code(err, -ENOMEM, "cannot set attribute %.100s", name);
	if (fsetxattr(fd, name, value, len, 0) < 0)
		return no_attribute(name, err);
	n = fgetxattr(fd, name, got, len + 64);
	if (n < 0)
		return vzr_fail_errno(err, "cannot read attribute %.100s back", name);
	if ((size_t)n == len && memcmp(got, value, len) == 0)
		return 0;
	if (strcmp(name, "security.capability") == 0 && same_capability(value, len, got, (size_t)n))
		return 0;
	return vzr_fail(err, -EIO, "attribute %.100s was set, but reads back differently", name);
}

/* Coarser file systems cut nanoseconds; none rounds up. */
static bool same_time(const struct timespec *got, const struct timespec *want)
{
	return got->tv_sec == want->tv_sec && got->tv_nsec <= want->tv_nsec;
}

int vzr_attr_set_time(int fd, const struct timespec *mtime, struct stat *ret_st,
		      struct vzr_error *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, *mtime};

	if (futimens(fd, times) < 0)
		return vzr_fail_errno(err, "cannot set its modification time");
	if (fstat(fd, ret_st) < 0)
		return vzr_fail_errno(err, "cannot read its attributes back");
	return !same_time(&ret_st->st_mtim, mtime);
}

static bool same_owner(const struct stat *st, const struct vzr_member *member)
{
	return st->st_uid == member->uid && st->st_gid == member->gid;
}

static bool same_mode(const struct stat *st, const struct vzr_member *member)
{
	return (st->st_mode & 07777) == member->mode;
}

static bool has_attributes(const struct vzr_member *member)
{
	return member->n_xattrs > 0 || member->acl_access.len > 0;
}

bool vzr_attr_are(const struct stat *st, const struct vzr_member *member)
{
	return same_owner(st, member) && same_mode(st, member) && !has_attributes(member);
}

static int differs(const struct stat *st, const struct vzr_member *member, struct vzr_error *err)
{
	return vzr_fail(err, -EIO,
			"owner %u:%u and mode %04o were set, but read back as %u:%u and %04o",
			member->uid, member->gid, member->mode, st->st_uid, st->st_gid,
			st->st_mode & 07777);
}

/* Owner first: changing it takes setuid bits and capabilities away. */
static int apply_owner_mode(int fd, const struct vzr_member *member, struct vzr_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot read its attributes back");
	if (same_owner(&st, member) && same_mode(&st, member))
		return 0;
	if (!same_owner(&st, member)) {
		if (fchown(fd, member->uid, member->gid) < 0)
			return vzr_fail_errno(err, "cannot give it to owner %u:%u", member->uid,
					      member->gid);
		if (fstat(fd, &st) < 0)
			return vzr_fail_errno(err, "cannot read its attributes back");
	}
	if (!same_mode(&st, member)) {
		if (fchmod(fd, member->mode) < 0)
			return vzr_fail_errno(err, "cannot set mode %04o", member->mode);
		if (fstat(fd, &st) < 0)
			return vzr_fail_errno(err, "cannot read its attributes back");
	}
	return same_owner(&st, member) && same_mode(&st, member) ? 0 : differs(&st, member, err);
}

int vzr_attr_apply(int fd, const struct vzr_member *member, struct vzr_error *err)
{
	struct stat st;
	int r = apply_owner_mode(fd, member, err);

	if (r < 0 || !has_attributes(member))
		return r;
	if (member->acl_access.len > 0)
		r = vzr_attr_set_xattr(fd, "system.posix_acl_access", member->acl_access.data,
				       member->acl_access.len, err);
	for (size_t i = 0; r == 0 && i < member->n_xattrs; i++)
		r = vzr_attr_set_xattr(fd, member->xattrs[i].name, member->xattrs[i].value,
				       member->xattrs[i].len, err);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot read its attributes back");
	return same_owner(&st, member) && same_mode(&st, member) ? 0 : differs(&st, member, err);
}

/* chmod of what is no link: was looked at just before, and nobody else works in the tree. */
static int change_mode(int parent, const char *name, mode_t mode)
{
	if (syscall(SYS_fchmodat2, parent, name, mode, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -1;
	return fchmodat(parent, name, mode, 0);
}

int vzr_attr_apply_at(int parent, const char *name, const struct vzr_member *member,
		      struct vzr_left_out *left_out, struct vzr_error *err)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, member->mtime};
	bool link = member->type == VZR_MEMBER_SYMLINK;
	struct stat st;

	if ((member->uid || member->gid) &&
	    fchownat(parent, name, member->uid, member->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot give it to owner %u:%u", member->uid,
				      member->gid);
	if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot set its modification time");
	for (int attempt = 0;; attempt++) {
		if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return vzr_fail_errno(err, "cannot read its attributes back");
		if (same_owner(&st, member) && (link || same_mode(&st, member)))
			break;
		if (attempt > 0)
			return differs(&st, member, err);
		if (!same_owner(&st, member) &&
		    fchownat(parent, name, member->uid, member->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return vzr_fail_errno(err, "cannot give it to owner %u:%u", member->uid,
					      member->gid);
		if (!link && change_mode(parent, name, member->mode) < 0)
			return vzr_fail_errno(err, "cannot set mode %04o", member->mode);
	}
	if (!same_time(&st.st_mtim, &member->mtime))
		vzr_left_out_add(left_out, VZR_LEFT_TIME, member->path, "");
	return 0;
}
