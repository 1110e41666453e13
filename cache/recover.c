/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What crashed predecessors left in the store: an unheld lock says that the owner is dead. */
#include "cache/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

/** Decides about one file; 0 or what unlinkat() said. */
typedef int (*visit_fn)(struct vzr_store *store, int dir, const char *name);

static int for_each(struct vzr_store *store, const char *path, visit_fn visit,
		    struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *stream = NULL;
	const struct dirent *entry;
	int dir = vzr_store_dir(store, path, 0, err);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	stream = fdopendir(dir);
	if (!stream) {
		close(dir);
		return vzr_fail_errno(err, "cannot list %s/%s", store->path, path);
	}
	while ((errno = 0, entry = readdir(stream))) {
		int r;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		r = vzr_cancelled(store->ctx, err);
		if (r < 0)
			return r;
		r = visit(store, dirfd(stream), entry->d_name);
		if (r < 0 && r != -ENOENT)
			return vzr_fail_code(err, r, "cannot remove %s/%s/%s", store->path, path,
					     entry->d_name);
	}
	return errno ? vzr_fail_errno(err, "cannot list %s/%s", store->path, path) : 0;
}

static int remove_file(int dir, const char *name)
{
	return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && strcmp(text + a - b, end) == 0;
}

static bool there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size > 0;
}

/* A download stays if the next run can go on with it: bytes, and a record of what they are. */
static int visit_partial(struct vzr_store *store, int dir, const char *name)
{
	VZR_AUTO_CLOSE int fd = -1;
	char other[300];

	(void)store;
	if (ends_with(name, ".vzroot-tmp"))
		return remove_file(dir, name);
	if (ends_with(name, ".meta")) {
		snprintf(other, sizeof(other), "%s", name);
		other[strlen(other) - strlen(".meta")] = '\0';
		if (faccessat(dir, other, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return 0;
		return remove_file(dir, name);
	}
	snprintf(other, sizeof(other), "%s.meta", name);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -errno;
	if (there(dir, name) && there(dir, other))
		return 0;
	remove_file(dir, other);
	return remove_file(dir, name);
}

static int visit_name(struct vzr_store *store, int dir, const char *name)
{
	(void)store;
	return ends_with(name, ".vzroot-tmp") ? remove_file(dir, name) : 0;
}

/* A blob that no name has: published by someone who died before it could name it. */
static int visit_blob(struct vzr_store *store, int dir, const char *name)
{
	struct vzr_digest digest;
	int r;

	(void)dir;
	if (vzr_digest_parse(name, &digest, NULL) < 0 || digest.algo != VZR_SHA256 ||
	    vzr_blob_is_named(store, &digest, NULL))
		return 0;
	for (size_t i = 0; i < store->n_pins; i++)
		if (vzr_digest_equal(&store->pins[i].digest, &digest))
			return 0;
	r = vzr_blob_unlink(store, &digest, NULL);
	return r == -VZR_E_BUSY ? 0 : r;
}

static int visit_blobs(struct vzr_store *store, int dir, const char *name)
{
	char path[300];

	(void)dir;
	snprintf(path, sizeof(path), "blobs/sha256/%s", name);
	return for_each(store, path, visit_blob, NULL);
}

int vzr_store_recover(struct vzr_store *store, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int lock = -1;
	struct vzr_error why = VZR_ERROR_INIT;
	VZR_AUTO_CLOSE int dir = vzr_store_dir(store, "partial", 0, err);
	int r;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	lock = vzr_store_lock(store, &why);
	if (lock == -EROFS || lock == -EACCES) {
		vzr_debug(store->ctx, "nothing is cleaned up: %s", why.msg);
		return 0;
	}
	if (lock < 0)
		return vzr_fail(err, lock, "%s", why.msg);
	r = for_each(store, "partial", visit_partial, err);
	if (r == 0)
		r = for_each(store, "names", visit_name, err);
	if (r == 0)
		r = for_each(store, "blobs/sha256", visit_blobs, err);
	return r;
}
