/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Path resolution that cannot be led outside: openat2(2), and a walk where it is missing. */
#include "engine/base/fd.h"

#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#define MAX_LINKS 40
#define MAX_DEPTH 256
#define EAGAIN_TRIES 256

static int try_openat2(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	bool makes = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
		.mode = makes ? mode : 0,
		.resolve = resolve,
	};

	/* EAGAIN: a rename or mount raced with the look-up of ".." (openat2(2)). */
	for (int i = 0; i < EAGAIN_TRIES; i++) {
		long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

/* A filter that predates openat2 answers EPERM; a kernel before 5.6 answers ENOSYS. */
static bool openat2_missing(int r)
{
	return r == -ENOSYS || r == -EPERM;
}

struct walk {
	int fds[MAX_DEPTH]; /* fds[0] is the caller's and is not closed */
	int depth;
	int links;
	bool follow;
	char rest[PATH_MAX];
};

static void walk_done(struct walk *w)
{
	int saved = errno;

	while (w->depth > 0)
		close(w->fds[w->depth--]);
	errno = saved;
}

/* Puts the target of link @name in front of what is left of the path. */
static int expand_link(struct walk *w, const char *name)
{
	char target[PATH_MAX], rest[PATH_MAX];
	ssize_t n = readlinkat(w->fds[w->depth], name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	if (!w->follow || ++w->links > MAX_LINKS)
		return -ELOOP;
	target[n] = '\0';
	if (target[0] == '/')
		walk_done(w);
	/* The rest is empty or starts with its slash; one more would ask for a directory. */
	if (snprintf(rest, sizeof(rest), "%s%s", target, w->rest) >= (int)sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(w->rest, rest, sizeof(rest));
	return 0;
}

/* Cuts the next component off the rest into @name; false at the end of the path. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1], int *ret_error)
{
	size_t skip = strspn(w->rest, "/");
	size_t len = strcspn(w->rest + skip, "/");

	*ret_error = len > NAME_MAX ? -ENAMETOOLONG : 0;
	if (len == 0 || *ret_error)
		return false;
	memcpy(name, w->rest + skip, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + skip + len, strlen(w->rest + skip + len) + 1);
	return true;
}

/* True if no mount point lies between the two; where the kernel has no mount ids, by device. */
static bool same_mount(int a, int b)
{
	struct statx sa, sb;

	if (statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &sa) < 0 ||
	    statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &sb) < 0)
		return false;
	if (sa.stx_mask & sb.stx_mask & STATX_MNT_ID)
		return sa.stx_mnt_id == sb.stx_mnt_id;
	return sa.stx_dev_major == sb.stx_dev_major && sa.stx_dev_minor == sb.stx_dev_minor;
}

static int enter(struct walk *w, const char *name)
{
	int fd;

	if (strcmp(name, "..") == 0) {
		if (w->depth == 0)
			return w->follow ? 0 : -EXDEV;
		close(w->fds[w->depth--]);
		return 0;
	}
	fd = openat(w->fds[w->depth], name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		struct stat st;
		int r = -errno;

		if ((r == -ENOTDIR || r == -ELOOP) &&
		    fstatat(w->fds[w->depth], name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(st.st_mode))
			return expand_link(w, name);
		return r;
	}
	if (w->depth + 1 == MAX_DEPTH || !(w->follow || same_mount(w->fds[w->depth], fd))) {
		close(fd);
		return w->depth + 1 == MAX_DEPTH ? -ENAMETOOLONG : -EXDEV;
	}
	w->fds[++w->depth] = fd;
	return 0;
}

static bool is_last(const struct walk *w)
{
	return w->rest[strspn(w->rest, "/")] == '\0';
}

/*
 * Opens the last component, which may be a link. *ret_fd is the descriptor, or -1 if a link was
 * put in front of the rest of the path instead.
 */
static int open_last(struct walk *w, const char *name, int flags, mode_t mode, int *ret_fd)
{
	int parent = w->fds[w->depth];
	int fd = openat(parent, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	int r = fd < 0 ? -errno : 0;
	bool is_link = false;
	struct stat st;

	if (fd >= 0)
		is_link = flags & O_PATH && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
	else if (r == -ELOOP || r == -ENOTDIR)
		is_link = fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			  S_ISLNK(st.st_mode);
	*ret_fd = -1;
	if (is_link && !(flags & O_NOFOLLOW)) {
		vzr_closep(&fd);
		return expand_link(w, name);
	}
	if (fd >= 0 && !w->follow && !same_mount(parent, fd)) {
		close(fd);
		return -EXDEV;
	}
	*ret_fd = fd;
	return r;
}

static int walk_open(struct walk *w, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	int r;

	while (next_name(w, name, &r)) {
		int fd = -1;

		if (strcmp(name, ".") == 0)
			continue;
		if (is_last(w) && strcmp(name, "..") != 0 && w->rest[0] != '/')
			r = open_last(w, name, flags, mode, &fd);
		else
			r = enter(w, name);
		if (r < 0 || fd >= 0)
			return r < 0 ? r : fd;
	}
	if (r < 0)
		return r;
	r = openat(w->fds[w->depth], ".", flags | O_CLOEXEC, mode);
	return r < 0 ? -errno : r;
}

static int walk_path(int dirfd, const char *path, int flags, mode_t mode, bool follow)
{
	struct walk w = { .fds = { dirfd }, .follow = follow };
	int r;

	if (strlen(path) >= sizeof(w.rest))
		return -ENAMETOOLONG;
	memcpy(w.rest, path, strlen(path) + 1);
	r = walk_open(&w, flags, mode);
	walk_done(&w);
	return r;
}

int vzr_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	int r;

	if (path[0] == '/' || path[0] == '\0')
		return path[0] ? -EXDEV : -ENOENT;
	r = try_openat2(dirfd, path, flags, mode,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
				RESOLVE_NO_XDEV);
	return openat2_missing(r) ? walk_path(dirfd, path, flags, mode, false) : r;
}

int vzr_open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	int r;

	if (!*path)
		return -ENOENT;
	r = try_openat2(root_fd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	return openat2_missing(r) ? walk_path(root_fd, path, flags, mode, true) : r;
}
