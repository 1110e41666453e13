/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading, publishing and locking files relative to a directory descriptor. */
#include "engine/base/fd.h"

#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>

int vzr_mkdirs_in_root(int root_fd, const char *path, mode_t mode, struct vzr_error *err)
{
	VZR_AUTO_FREE char *prefix = strdup(path);
	int fd;

	if (!prefix)
		return vzr_fail_code(err, -ENOMEM, "cannot make %s", path);
	fd = vzr_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		return fd;
	/* Each component in turn, cut off behind it; runs of slashes and "." make nothing. */
	for (char *p = prefix + strspn(prefix, "/"); fd == -ENOENT && *p;) {
		VZR_AUTO_CLOSE int parent = -1;
		const char *name;
		char *end = strchrnul(p, '/');
		char saved = *end;

		*end = '\0';
		if (strcmp(p, ".") != 0) {
			parent = vzr_open_parent_in_root(root_fd, prefix, &name);
			if (parent < 0)
				return vzr_fail_code(err, parent, "cannot make directory %s",
						     prefix);
			if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
				return vzr_fail_errno(err, "cannot make directory %s", prefix);
		}
		*end = saved;
		p = end + strspn(end, "/");
	}
	fd = vzr_open_in_root(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open directory %s", path);
	return fd;
}

int vzr_open_parent_in_root(int root_fd, const char *path, const char **ret_name)
{
	VZR_AUTO_FREE char *dir = NULL;
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int fd;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -EINVAL;
	dir = slash && slash != path ? strndup(path, (size_t)(slash - path)) : strdup("/");
	if (!dir)
		return -ENOMEM;
	fd = vzr_open_in_root(root_fd, dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		*ret_name = name;
	return fd;
}

/* Reads to the end, or until @buf holds @enough bytes (0: it cannot be told how many). */
static int fill(int fd, uint64_t enough, struct vzr_buf *buf, struct vzr_error *err)
{
	const size_t max = buf->max ? buf->max : VZR_BUF_MAX;

	for (;;) {
		/* One byte past the maximum tells a file that fits from one that does not. */
		char block[4096];
		size_t room = max - buf->len + 1;
		ssize_t n = read(fd, block, room < sizeof(block) ? room : sizeof(block));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vzr_fail_errno(err, "cannot read");
		if (n == 0)
			return 0;
		r = vzr_buf_add(buf, block, (size_t)n);
		if (r == -VZR_E_LIMIT)
			return vzr_fail(err, r, "larger than %zu bytes", max);
		if (r < 0)
			return vzr_fail_code(err, r, "cannot read");
		if (enough && buf->len >= enough)
			return 0;
	}
}

int vzr_fd_read(int fd, struct vzr_buf *buf, struct vzr_error *err)
{
	return fill(fd, 0, buf, err);
}

int vzr_file_read(int dirfd, const char *name, struct vzr_buf *buf, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;
	int r;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return vzr_fail_errno(err, "cannot open %s", name);
	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at %s", name);
	if (!S_ISREG(st.st_mode))
		return vzr_fail(err, -VZR_E_INPUT, "%s is not a regular file", name);
	r = fill(fd, (uint64_t)st.st_size, buf, err);
	return r < 0 ? vzr_wrap(err, r, "%s", name) : 0;
}

int vzr_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int vzr_fsync_dir(int dirfd)
{
	return fsync(dirfd) < 0 ? -errno : 0;
}

static int fill_file(int fd, const void *data, size_t len, mode_t mode, unsigned int flags)
{
	int r = vzr_write_all(fd, data, len);

	if (r < 0)
		return r;
	if (fchmod(fd, mode) < 0)
		return -errno;
	if (!(flags & VZR_PUT_NO_SYNC) && fsync(fd) < 0)
		return -errno;
	return 0;
}

/* A new name: the file appears whole by linkat(), so that a kill leaves no temporary name. */
static int put_new(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		   unsigned int flags)
{
	VZR_AUTO_CLOSE int fd = openat(dirfd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	char link[32];
	int r;

	if (fd < 0)
		return -errno;
	r = fill_file(fd, data, len, mode, flags);
	if (r < 0)
		return r;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, link, dirfd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

static bool is_named(int dirfd, const char *name, int fd)
{
	struct stat mine, named;

	return fstat(fd, &mine) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_ino == mine.st_ino && named.st_dev == mine.st_dev;
}

/*
 * Makes the temporary file. Its writer holds a lock on it: what is there without one was left by
 * the dead, and another who writes the same name right now is waited for.
 */
static int open_temp(int dirfd, const char *temp)
{
	for (;;) {
		VZR_AUTO_CLOSE int fd = openat(
			dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

		if (fd >= 0) {
			bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;

			/* In between, another may have taken it for one of the dead. */
			if (locked && is_named(dirfd, temp, fd))
				return vzr_take_fd(fd);
			continue;
		}
		if (errno != EEXIST)
			return -errno;
		fd = openat(dirfd, temp,
			    O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
			continue;
		if (fd >= 0 && !is_named(dirfd, temp, fd))
			continue;
		if (unlinkat(dirfd, temp, 0) < 0 && errno != ENOENT)
			return -errno;
	}
}

static int put_by_rename(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
			 unsigned int flags)
{
	VZR_AUTO_CLOSE int fd = -1;
	VZR_AUTO_FREE char *temp = NULL;
	int r;

	if (asprintf(&temp, ".%s.vzroot-tmp", name) < 0)
		return -ENOMEM;
	fd = open_temp(dirfd, temp);
	if (fd < 0)
		return fd;
	r = fill_file(fd, data, len, mode, flags);
	if (r == 0 && renameat2(dirfd, temp, dirfd, name, flags & VZR_PUT_NEW ? RENAME_NOREPLACE
									      : 0) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dirfd, temp, 0);
	return r;
}

int vzr_file_put(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		 unsigned int flags, struct vzr_error *err)
{
	int r = -EOPNOTSUPP;

	if (flags & VZR_PUT_NEW)
		r = put_new(dirfd, name, data, len, mode, flags);
	/* No O_TMPFILE here, or no /proc to link it from. */
	if (r == -EOPNOTSUPP || r == -EISDIR || r == -ENOENT || r == -EINVAL)
		r = put_by_rename(dirfd, name, data, len, mode, flags);
	if (r == 0 && !(flags & (VZR_PUT_NO_SYNC | VZR_PUT_NO_DIR_SYNC))) {
		r = vzr_fsync_dir(dirfd);
		if (r < 0 && (flags & VZR_PUT_NEW))
			unlinkat(dirfd, name, 0);
	}
	if (r < 0)
		return vzr_fail_code(err, r, "cannot write %s", name);
	return 0;
}

int vzr_lock(int dirfd, const char *name, bool wait, struct vzr_error *err)
{
	for (;;) {
		VZR_AUTO_CLOSE int fd = -1;

		fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return vzr_fail_errno(err, "cannot open lock %s", name);
		while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0) {
			if (errno == EWOULDBLOCK)
				return vzr_fail(err, -VZR_E_BUSY,
						"%s is locked by another process", name);
			if (errno != EINTR)
				return vzr_fail_errno(err, "cannot lock %s", name);
		}
		/* The holder before us may have removed the name: then we hold nothing. */
		if (is_named(dirfd, name, fd))
			return vzr_take_fd(fd);
	}
}

int vzr_free_space(int fd, uint64_t *ret_kib, uint64_t *ret_inodes, struct vzr_error *err)
{
	struct statvfs vfs;

	if (fstatvfs(fd, &vfs) < 0)
		return vzr_fail_errno(err, "cannot tell the free space");
	*ret_kib = (uint64_t)((unsigned __int128)vfs.f_bfree * vfs.f_frsize / 1024);
	/* btrfs and others have no fixed number of inodes and say 0 of 0. */
	*ret_inodes = vfs.f_files ? vfs.f_ffree : VZR_NO_LIMIT;
	return 0;
}
