/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store's directories: made late, checked always, locked by one file. */
#include "cache/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#define DIR_MODE 0755

int vzr_check_owner(const struct vzr_store *store, const struct stat *st, const char *what,
		    struct vzr_error *err)
{
	const char *slash = *what ? "/" : "";

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s%s%s belongs to user %u: it has to belong to root or to the "
				"user that runs this",
				store->path, slash, what, st->st_uid);
	if (st->st_mode & 022)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s%s%s can be written by others (mode %04o): look at what is in "
				"it, then chmod go-w it",
				store->path, slash, what, st->st_mode & 07777);
	return 0;
}

static int check_dir(const struct vzr_store *store, int fd, const char *name,
		     struct vzr_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at %s/%s", store->path, name);
	return vzr_check_owner(store, &st, name, err);
}

int vzr_store_write_error(const struct vzr_store *store, int code, struct vzr_error *err)
{
	struct statvfs vfs;

	if (code == -ENOSPC && store->fd >= 0 && fstatvfs(store->fd, &vfs) == 0 && vfs.f_files &&
	    !vfs.f_ffree)
		return vzr_fail(err, code, "the file system of the cache %s has no inodes left",
				store->path);
	if (code == -ENOSPC)
		return vzr_fail(err, code, "the file system of the cache %s is full", store->path);
	if (code == -EDQUOT)
		return vzr_fail(err, code, "the disk quota for the cache %s is used up",
				store->path);
	return vzr_fail_code(err, code, "cannot write to the cache %s", store->path);
}

/* Opens the store's own directory. -ENOENT without a message if it is not there and not made. */
static int open_top(struct vzr_store *store, bool make, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	int r;

	if (store->fd >= 0)
		return 0;
	fd = vzr_open_in_root(store->root_fd, store->path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && make) {
		fd = vzr_mkdirs_in_root(store->root_fd, store->path, DIR_MODE, err);
		if (fd < 0)
			return vzr_wrap(err, fd, "cannot make the cache");
	}
	if (fd == -EACCES && !make) {
		if (!store->warned)
			vzr_warn(store->ctx, "cache %s cannot be read; it counts as empty",
				 store->path);
		store->warned = true;
		return -ENOENT;
	}
	if (fd == -ENOENT)
		return -ENOENT;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open the cache %s", store->path);
	r = check_dir(store, fd, "", err);
	if (r < 0)
		return r;
	store->fd = vzr_take_fd(fd);
	return 0;
}

/* Opens or makes one component. The mode is set by fchmod: the umask is the caller's business. */
static int open_component(struct vzr_store *store, int parent, const char *name, mode_t mode,
			  struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = vzr_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
	bool made = false;
	int r;

	if (fd == -ENOENT && mode) {
		made = mkdirat(parent, name, mode) == 0;
		if (!made && errno != EEXIST)
			return vzr_store_write_error(store, -errno, err);
		fd = vzr_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd == -ENOENT && !mode)
		return -ENOENT;
	if (fd == -EACCES && !mode)
		return -ENOENT;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open %s of the cache %s", name, store->path);
	if (made && fchmod(fd, mode) < 0)
		return vzr_store_write_error(store, -errno, err);
	if (made && (r = vzr_fsync_dir(parent)) < 0)
		return vzr_store_write_error(store, r, err);
	r = check_dir(store, fd, name, err);
	return r < 0 ? r : vzr_take_fd(fd);
}

int vzr_store_dir(struct vzr_store *store, const char *name, mode_t mode, struct vzr_error *err)
{
	VZR_AUTO_FREE char *copy = strdup(name);
	VZR_AUTO_CLOSE int fd = -1;
	char *rest = NULL;
	int r = copy ? open_top(store, mode != 0, err)
		     : vzr_fail_code(err, -ENOMEM, "cannot open %s", name);

	if (r < 0)
		return r;
	for (char *p = strtok_r(copy, "/", &rest); p; p = strtok_r(NULL, "/", &rest)) {
		int next = open_component(store, fd >= 0 ? fd : store->fd, p, mode, err);

		if (next < 0)
			return next;
		vzr_closep(&fd);
		fd = next;
	}
	return fd >= 0 ? vzr_take_fd(fd) : vzr_fail(err, -VZR_E_INPUT, "no directory is named");
}

int vzr_store_subdir(struct vzr_store *store, const char *name, struct vzr_error *err)
{
	int fd = vzr_store_dir(store, name, 0, err);

	return fd == -ENOENT ? vzr_store_dir(store, name, DIR_MODE, err) : fd;
}

int vzr_store_subdir_find(struct vzr_store *store, const char *name, struct vzr_error *err)
{
	return vzr_store_dir(store, name, 0, err);
}

int vzr_store_lock(struct vzr_store *store, struct vzr_error *err)
{
	int fd = open_top(store, true, err);

	if (fd < 0)
		return fd;
	fd = vzr_lock(store->fd, "lock", true, err);
	if (fd == -EROFS || fd == -EACCES || fd == -ENOSPC || fd == -EDQUOT)
		return vzr_store_write_error(store, fd, err);
	return fd < 0 ? vzr_wrap(err, fd, "cannot lock the cache %s", store->path) : fd;
}

bool vzr_same_file(int dirfd, const char *name, int fd)
{
	struct stat named, mine;

	return fstat(fd, &mine) == 0 && fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_ino == mine.st_ino && named.st_dev == mine.st_dev;
}

int vzr_store_open(int root_fd, const char *path, struct vzr_context *ctx,
		   struct vzr_store **ret_store, struct vzr_error *err)
{
	struct vzr_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return vzr_fail_code(err, -ENOMEM, "cannot open the cache %s", path);
	store->fd = -1;
	store->ctx = ctx;
	store->path = strdup(path);
	store->root_fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	if (!store->path || store->root_fd < 0)
		r = vzr_fail_code(err, store->path ? -errno : -ENOMEM, "cannot open the cache %s",
				  path);
	else
		r = open_top(store, false, err);
	if (r < 0 && r != -ENOENT) {
		vzr_store_close(store);
		return r;
	}
	*ret_store = store;
	return 0;
}

void vzr_store_close(struct vzr_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < store->n_pins; i++)
		vzr_blob_done(&store->pins[i]);
	free(store->pins);
	free(store->path);
	vzr_closep(&store->fd);
	vzr_closep(&store->root_fd);
	free(store);
}

int vzr_store_free_space(struct vzr_store *store, uint64_t *ret_kib, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = strdup(store->path);
	VZR_AUTO_CLOSE int fd = -1;
	uint64_t inodes;
	char *slash;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot tell the free space");
	if (open_top(store, false, NULL) == 0)
		return vzr_free_space(store->fd, ret_kib, &inodes, err);
	fd = vzr_open_in_root(store->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	while (fd < 0 && (slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		fd = vzr_open_in_root(store->root_fd, *path ? path : "/", O_RDONLY | O_DIRECTORY,
				      0);
	}
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot tell the free space for the cache %s",
				     store->path);
	return vzr_free_space(fd, ret_kib, &inodes, err);
}
