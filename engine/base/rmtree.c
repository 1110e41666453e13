/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removal of a tree that somebody may have made hard to remove. */
#include "engine/base/fd.h"

#include "engine/base/cleanup.h"
#include "engine/base/subvolume.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

/* Directories deeper than this are moved up to the top of the tree first: few descriptors. */
#define MAX_OPEN 64
#define MAX_AGAIN 1000

struct removal {
	DIR *dirs[MAX_OPEN];
	char *names[MAX_OPEN]; /* name of dirs[i] in dirs[i - 1]; names[0] in the caller's fd */
	int depth;	       /* index of the innermost open directory */
	unsigned int moved; /* counter for the names of directories moved up */
	unsigned int again; /* how often an emptied directory was not empty */
};

static void removal_done(struct removal *rm)
{
	int saved = errno;

	for (int i = 0; i <= rm->depth; i++) {
		if (rm->dirs[i])
			closedir(rm->dirs[i]);
		free(rm->names[i]);
	}
	errno = saved;
}

/* Immutable and append-only flags stop even root; the archive may have asked for them. */
static void clear_flags(int dirfd, const char *name)
{
	VZR_AUTO_CLOSE int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int flags = 0;

	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return;
	flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
	(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}

/* @ours: the directory is part of the tree that goes away; the caller's own stays as it is. */
static int unlink_hard(int dirfd, const char *name, int flags, bool ours)
{
	if (unlinkat(dirfd, name, flags) == 0 || errno == ENOENT)
		return 0;
	if (errno != EPERM && errno != EACCES)
		return -errno;
	if (ours) {
		clear_flags(dirfd, ".");
		(void)fchmod(dirfd, 0700);
	}
	clear_flags(dirfd, name);
	return unlinkat(dirfd, name, flags) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Gives the owner access to a directory; not by its name, which might have become a link. */
static bool make_readable(int parent, const char *name)
{
	VZR_AUTO_CLOSE int fd =
		openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char link[32];

	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return chmod(link, 0700) == 0;
}

/* 1: it was a subvolume and is gone, whatever was in it. 0: its names must go one by one. */
static int remove_subvolume(int parent, const char *name, int fd)
{
	int r;

	if (!vzr_subvolume_is(fd))
		return 0;
	r = vzr_subvolume_remove(parent, name);
	if (r == 0)
		return 1;
	if (r == -EBUSY || vzr_subvolume_set_readonly(fd, false) < 0)
		return r;
	return 0;
}

/* Opens a directory to be emptied, unless it can be removed as it is. */
static int push_dir(struct removal *rm, int parent, const char *name)
{
	VZR_AUTO_FREE char *copy = strdup(name);
	VZR_AUTO_CLOSE int fd = -1;
	DIR *dir;
	int r;

	if (!copy)
		return -ENOMEM;
	fd = vzr_open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd == -EACCES && make_readable(parent, name))
		fd = vzr_open_beneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd == -EXDEV ? -EBUSY : fd; /* a mount point: not ours to remove */
	r = remove_subvolume(parent, name, fd);
	if (r != 0)
		return r < 0 ? r : 0;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	vzr_take_fd(fd);
	rm->depth++;
	rm->dirs[rm->depth] = dir;
	rm->names[rm->depth] = vzr_take_ptr(copy);
	return 0;
}

/* Moves a directory that is too deep up into the top directory, which is read again later. */
static int move_up(struct removal *rm, const char *name)
{
	char top_name[40];

	for (;;) {
		snprintf(top_name, sizeof(top_name), ".vzroot-rm.%u", rm->moved++);
		if (renameat2(dirfd(rm->dirs[rm->depth]), name, dirfd(rm->dirs[0]), top_name,
			      RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
}

static int remove_entry(struct removal *rm, const struct dirent *entry)
{
	int fd = dirfd(rm->dirs[rm->depth]);
	struct stat st;
	int r;

	if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
		return unlink_hard(fd, entry->d_name, 0, true);
	if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlink_hard(fd, entry->d_name, 0, true);
	if (unlinkat(fd, entry->d_name, AT_REMOVEDIR) == 0)
		return 0;
	if (rm->depth + 1 == MAX_OPEN) {
		r = move_up(rm, entry->d_name);
		if (r != -EPERM && r != -EACCES)
			return r;
		clear_flags(fd, ".");
		clear_flags(fd, entry->d_name);
		return move_up(rm, entry->d_name);
	}
	return push_dir(rm, fd, entry->d_name);
}

/*
 * Leaves an emptied directory. It is read again when it is not empty: directories were moved into
 * the top one, or a writer whose owner was killed has not died yet.
 */
static int pop_dir(struct removal *rm, int caller_fd)
{
	int parent = rm->depth > 0 ? dirfd(rm->dirs[rm->depth - 1]) : caller_fd;
	int r = unlink_hard(parent, rm->names[rm->depth], AT_REMOVEDIR, rm->depth > 0);

	if (r == -ENOTEMPTY && rm->again++ < MAX_AGAIN) {
		rewinddir(rm->dirs[rm->depth]);
		return 0;
	}
	if (r < 0)
		return r;
	closedir(rm->dirs[rm->depth]);
	free(rm->names[rm->depth]);
	rm->depth--;
	return 0;
}

static int remove_name(int dirfd, const char *name)
{
	struct removal rm = { .depth = -1 };
	int r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	r = push_dir(&rm, dirfd, name);
	if (r == -ENOTDIR || r == -ELOOP)
		r = unlink_hard(dirfd, name, 0, false);
	while (r == 0 && rm.depth >= 0) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(rm.dirs[rm.depth]);
		if (!entry)
			r = errno ? -errno : pop_dir(&rm, dirfd);
		else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = remove_entry(&rm, entry);
	}
	removal_done(&rm);
	return r;
}

int vzr_rm_tree(int dirfd, const char *name, struct vzr_error *err)
{
	const char *slash = strrchr(name, '/');
	VZR_AUTO_FREE char *above = slash ? strndup(name, (size_t)(slash - name) + 1) : NULL;
	VZR_AUTO_CLOSE int parent = -1;
	int r;

	if (!slash)
		r = remove_name(dirfd, name);
	else if (above && (parent = openat(dirfd, above, O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0)
		r = remove_name(parent, slash + 1);
	else
		r = !above ? -ENOMEM : errno == ENOENT ? 0 : -errno;
	if (r < 0)
		return vzr_fail_code(err, r, "cannot remove %s", name);
	return 0;
}
