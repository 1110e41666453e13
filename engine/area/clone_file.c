/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One file, link, device or fifo of a tree that is cloned. */
#include "engine/area/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- content ---- */

static int copy_range(struct vzr_clone_worker *w, int from, int to, uint64_t begin, uint64_t end)
{
	while (begin < end) {
		size_t want = end - begin < VZR_CLONE_BUFFER ? (size_t)(end - begin)
							     : VZR_CLONE_BUFFER;
		ssize_t n = pread(from, w->buffer, want, (off_t)begin);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		for (ssize_t done = 0; done < n;) {
			ssize_t put = pwrite(to, w->buffer + done, (size_t)(n - done),
					     (off_t)begin + done);

			if (put < 0 && errno != EINTR)
				return -errno;
			done += put < 0 ? 0 : put;
		}
		begin += (uint64_t)n;
		atomic_fetch_add_explicit(&w->cloner->bytes, (unsigned long long)n,
					  memory_order_relaxed);
		if (atomic_load_explicit(&w->cloner->stop, memory_order_relaxed))
			return -ECANCELED;
	}
	return 0;
}

/* Only what is there: holes stay holes. */
static int copy_sparse(struct vzr_clone_worker *w, int from, int to, uint64_t size)
{
	off_t at = 0;

	if (ftruncate(to, (off_t)size) < 0)
		return -errno;
	while ((uint64_t)at < size) {
		off_t data = lseek(from, at, SEEK_DATA), hole;
		int r;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		r = copy_range(w, from, to, (uint64_t)data, (uint64_t)hole);
		if (r < 0)
			return r;
		at = hole;
	}
	return 0;
}

static bool cannot_share(int error)
{
	return error == EOPNOTSUPP || error == EXDEV || error == EINVAL || error == ENOTTY;
}

int vzr_clone_content(struct vzr_clone_worker *w, int from, const struct stat *st, int to,
		      struct vzr_error *err)
{
	uint64_t size = (uint64_t)st->st_size;
	int r;

	if (size == 0)
		return 0;
	if (w->cloner->job->how == VZR_CLONE_SHARE) {
		if (ioctl(to, FICLONE, from) == 0) {
			atomic_fetch_add_explicit(&w->cloner->bytes, size, memory_order_relaxed);
			return 0;
		}
		if (!cannot_share(errno))
			return vzr_fail_errno(err, "cannot share its content");
	}
	r = (uint64_t)st->st_blocks * 512 < size ? copy_sparse(w, from, to, size)
						 : copy_range(w, from, to, 0, size);
	return r < 0 ? vzr_fail_code(err, r, "cannot copy its content") : 0;
}

/* ---- files ---- */

static int open_from(int dir, const char *name)
{
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = openat(dir, name, flags | O_NOATIME);

	/* Only the owner may leave the access time alone. */
	return fd < 0 && errno == EPERM ? openat(dir, name, flags) : fd;
}

static int make_file(struct vzr_clone_worker *w, int from, const struct stat *st, int parent,
		     const char *name, struct vzr_error *err)
{
	int to = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			w->masked ? st->st_mode & 0777 : 0600);
	int r;

	if (to < 0)
		return vzr_fail_errno(err, "cannot make it");
	r = vzr_clone_content(w, from, st, to, err);
	if (r == 0)
		r = vzr_clone_attributes(w, from, st, to, err);
	/* A network file system may tell only now that a write failed. */
	if (close(to) < 0 && r == 0)
		r = vzr_fail_errno(err, "cannot write it");
	if (r == 0)
		atomic_fetch_add_explicit(&w->cloner->inodes, 1, memory_order_relaxed);
	return r;
}

/* One of several names: the first comer makes the file, the others link to it. */
static int make_or_link(struct vzr_clone_worker *w, struct vzr_clone_dir *dir, int from,
			const struct stat *st, const char *name, struct vzr_error *err)
{
	struct vzr_cloner *c = w->cloner;
	const char *first = NULL;
	int r = vzr_links_claim(c->links, st->st_ino, dir->path, name, &first);

	if (r == 1) {
		r = make_file(w, from, st, dir->to, name, err);
		vzr_links_made(c->links, st->st_ino, r == 0);
		return r;
	}
	if (r < 0)
		return vzr_fail_code(err, r, "cannot link it");
	if (linkat(c->job->to_fd, first, dir->to, name, 0) < 0)
		return vzr_fail_errno(err, "cannot link it to %s", first);
	return 0;
}

static int clone_file(struct vzr_clone_worker *w, struct vzr_clone_dir *dir, const char *name,
		      struct vzr_error *err)
{
	VZR_AUTO_CLOSE int from = open_from(dir->from, name);
	struct stat st;

	if (from < 0)
		return vzr_fail_errno(err, "cannot open it");
	if (fstat(from, &st) < 0)
		return vzr_fail_errno(err, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return vzr_fail(err, -EIO, "it is no regular file any more");
	if (st.st_nlink > 1)
		return make_or_link(w, dir, from, &st, name, err);
	return make_file(w, from, &st, dir->to, name, err);
}

/* ---- what has no content ---- */

static int clone_symlink(struct vzr_clone_dir *dir, const char *name, struct vzr_error *err)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir->from, name, target, sizeof(target));

	if (n < 0 || (size_t)n >= sizeof(target))
		return n < 0 ? vzr_fail_errno(err, "cannot read the link")
			     : vzr_fail(err, -ENAMETOOLONG, "its target is too long");
	target[n] = '\0';
	return symlinkat(target, dir->to, name) < 0 ? vzr_fail_errno(err, "cannot make the link")
						    : 0;
}

static int finish_special(struct vzr_clone_worker *w, struct vzr_clone_dir *dir,
			  const char *name, const struct stat *want, struct vzr_error *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, want->st_mtim };
	bool link = S_ISLNK(want->st_mode);
	struct stat st;

	if ((want->st_uid != w->cloner->uid || want->st_gid != w->cloner->gid) &&
	    fchownat(dir->to, name, want->st_uid, want->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot give it to owner %u:%u", want->st_uid,
				      want->st_gid);
	/* No link, as we made it; nobody else works in the tree. */
	if (!link && fchmodat(dir->to, name, want->st_mode & 07777, 0) < 0)
		return vzr_fail_errno(err, "cannot set its mode");
	if (utimensat(dir->to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot set its modification time");
	if (fstatat(dir->to, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot read its attributes back");
	if (st.st_uid != want->st_uid || st.st_gid != want->st_gid || st.st_mode != want->st_mode)
		return vzr_fail(err, -EIO, "its owner or mode reads back differently");
	atomic_fetch_add_explicit(&w->cloner->inodes, 1, memory_order_relaxed);
	return 0;
}

static int make_special(struct vzr_clone_worker *w, struct vzr_clone_dir *dir, const char *name,
			const struct stat *st, struct vzr_error *err)
{
	int r = 0;

	if (S_ISLNK(st->st_mode))
		r = clone_symlink(dir, name, err);
	else if (mknodat(dir->to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
		r = vzr_fail_errno(err, "cannot make it");
	return r < 0 ? r : finish_special(w, dir, name, st, err);
}

static int clone_special(struct vzr_clone_worker *w, struct vzr_clone_dir *dir, const char *name,
			 const struct stat *st, struct vzr_error *err)
{
	struct vzr_cloner *c = w->cloner;
	const char *first = NULL;
	int r;

	if (st->st_nlink < 2)
		return make_special(w, dir, name, st, err);
	r = vzr_links_claim(c->links, st->st_ino, dir->path, name, &first);
	if (r == 1) {
		r = make_special(w, dir, name, st, err);
		vzr_links_made(c->links, st->st_ino, r == 0);
		return r;
	}
	if (r < 0)
		return vzr_fail_code(err, r, "cannot link it");
	return linkat(c->job->to_fd, first, dir->to, name, 0) < 0
		       ? vzr_fail_errno(err, "cannot link it to %s", first)
		       : 0;
}

int vzr_clone_entry(struct vzr_clone_worker *worker, struct vzr_clone_dir *dir, unsigned char type,
		    const char *name, struct vzr_error *err)
{
	struct stat st;
	int r;

	if (type == DT_REG) {
		r = clone_file(worker, dir, name, err);
	} else if (fstatat(dir->from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		r = vzr_fail_errno(err, "cannot look at it");
	} else if (S_ISDIR(st.st_mode)) {
		return 1;
	} else {
		r = S_ISREG(st.st_mode) ? clone_file(worker, dir, name, err)
					: clone_special(worker, dir, name, &st, err);
	}
	return r < 0 ? vzr_wrap(err, r, "%s/%s", dir->path, name) : 0;
}
