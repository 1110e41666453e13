/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Blobs that are there: opening, reading again, removing; who holds which. */
#include "cache/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define LOCK_TRIES 500
#define LOCK_PAUSE_MS 10

void vzr_blob_done(struct vzr_blob *blob)
{
	vzr_closep(&blob->fd);
	blob->fd = -1;
}

int vzr_blob_dir(struct vzr_store *store, const struct vzr_digest *sha256, mode_t mode,
		 char hex[VZR_DIGEST_HEX], struct vzr_error *err)
{
	char path[32];

	if (sha256->algo != VZR_SHA256)
		return vzr_fail(err, -VZR_E_INPUT, "blobs are kept by their SHA-256");
	vzr_digest_hex(sha256, hex);
	snprintf(path, sizeof(path), "blobs/sha256/%.2s", hex);
	return vzr_store_dir(store, path, mode, err);
}

/*
 * A remover holds the exclusive lock for moments only. But any user may lock a file that it can
 * read, so the wait has an end.
 */
static int lock_shared(struct vzr_store *store, int fd, const char *hex, struct vzr_error *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000l };

	for (int i = 0; i < LOCK_TRIES; i++) {
		int r = vzr_cancelled(store->ctx, err);

		if (r < 0)
			return r;
		if (flock(fd, LOCK_SH | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return vzr_fail_errno(err, "cannot lock blob %s of the cache %s", hex,
					      store->path);
		nanosleep(&pause, NULL);
	}
	return vzr_fail(err, -VZR_E_BUSY, "blob %s of the cache %s is locked by another process",
			hex, store->path);
}

static int not_here(struct vzr_store *store, const char *hex, struct vzr_error *err)
{
	return vzr_fail(err, -VZR_E_NOT_FOUND, "the cache %s has no blob %s", store->path, hex);
}

/* Opens what has the blob's name, if it can be a blob at all. */
static int open_file(struct vzr_store *store, int dir, const char *hex, struct stat *ret_st,
		     struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	int r;

	fd = openat(dir, hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return not_here(store, hex, err);
	if (fd < 0 && errno != ELOOP && errno != ENXIO)
		return vzr_fail_errno(err, "cannot open blob %s of the cache %s", hex,
				      store->path);
	if (fd >= 0 && fstat(fd, ret_st) < 0)
		return vzr_fail_errno(err, "cannot look at blob %s of the cache %s", hex,
				      store->path);
	if (fd < 0 || !S_ISREG(ret_st->st_mode))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"blob %s of the cache %s is not a regular file", hex, store->path);
	r = vzr_check_owner(store, ret_st, hex, err);
	return r < 0 ? r : vzr_take_fd(fd);
}

int vzr_store_blob_open(struct vzr_store *store, const struct vzr_digest *sha256,
			struct vzr_blob *ret_blob, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = -1;
	char hex[VZR_DIGEST_HEX];

	dir = vzr_blob_dir(store, sha256, 0, hex, err);
	if (dir == -ENOENT)
		return not_here(store, hex, err);
	if (dir < 0)
		return dir;
	for (;;) {
		struct stat st;
		VZR_AUTO_CLOSE int fd = open_file(store, dir, hex, &st, err);
		int r = fd < 0 ? fd : lock_shared(store, fd, hex, err);

		if (r < 0)
			return r;
		/* Removed or replaced while we waited for the lock? */
		if (!vzr_same_file(dir, hex, fd))
			continue;
		*ret_blob = (struct vzr_blob){ .size_bytes = (uint64_t)st.st_size,
					       .digest = *sha256 };
		ret_blob->fd = vzr_take_fd(fd);
		return 0;
	}
}

int vzr_store_blob_verify(struct vzr_store *store, const struct vzr_digest *sha256,
			  struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	VZR_AUTO_CLOSE int lock = -1;
	VZR_AUTO_CLOSE int dir = -1;
	char hex[VZR_DIGEST_HEX];
	struct vzr_digest found;
	uint64_t size;
	int r = vzr_store_blob_open(store, sha256, &blob, err);

	if (r < 0)
		return r;
	r = vzr_digest_of_fd(VZR_SHA256, blob.fd, &found, &size, err);
	if (r < 0)
		return vzr_wrap(err, r, "cache %s", store->path);
	if (vzr_digest_equal(&found, sha256))
		return 0;
	vzr_store_unpin(store, sha256);
	/* Under the lock no right one can take its place while we look. */
	lock = vzr_store_lock(store, NULL);
	dir = vzr_blob_dir(store, sha256, 0, hex, err);
	/* Whoever reads it now finds out by the digest; nobody shall begin to. */
	if (dir < 0 || lock < 0 ||
	    (vzr_same_file(dir, hex, blob.fd) && unlinkat(dir, hex, 0) < 0))
		return vzr_fail(err, -VZR_E_DIGEST,
				"blob %s of the cache %s has changed on disk and cannot be removed",
				hex, store->path);
	return vzr_fail(err, -VZR_E_DIGEST,
			"blob %s of the cache %s had changed on disk and was removed; pull it "
			"again",
			hex, store->path);
}

int vzr_blob_claim(struct vzr_store *store, const struct vzr_digest *sha256, int *ret_fd,
		   struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = -1;
	VZR_AUTO_CLOSE int fd = -1;
	char hex[VZR_DIGEST_HEX];

	vzr_store_unpin(store, sha256);
	dir = vzr_blob_dir(store, sha256, 0, hex, err);
	if (dir < 0 && dir != -ENOENT)
		return dir;
	if (dir >= 0)
		fd = openat(dir, hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	/* A link or a fifo in its place cannot be read as a blob: there is nothing to lock. */
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return vzr_fail(err, -VZR_E_BUSY,
					"blob %s of the cache %s is in use by another process", hex,
					store->path);
		return vzr_fail_errno(err, "cannot lock blob %s of the cache %s", hex, store->path);
	}
	*ret_fd = vzr_take_fd(fd);
	return 0;
}

int vzr_blob_drop(struct vzr_store *store, const struct vzr_digest *sha256, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = -1;
	char hex[VZR_DIGEST_HEX];
	int r;

	dir = vzr_blob_dir(store, sha256, 0, hex, err);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (unlinkat(dir, hex, 0) < 0)
		return errno == ENOENT ? 0 : vzr_store_write_error(store, -errno, err);
	r = vzr_fsync_dir(dir);
	return r < 0 ? vzr_store_write_error(store, r, err) : 0;
}

int vzr_blob_unlink(struct vzr_store *store, const struct vzr_digest *sha256,
		    struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	int r = vzr_blob_claim(store, sha256, &fd, err);

	return r < 0 ? r : vzr_blob_drop(store, sha256, err);
}

int vzr_store_blob_remove(struct vzr_store *store, const struct vzr_digest *sha256,
			  struct vzr_error *err)
{
	VZR_AUTO_CLOSE int lock = -1;
	char hex[VZR_DIGEST_HEX];
	int r = vzr_blob_dir(store, sha256, 0, hex, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	close(r);
	lock = vzr_store_lock(store, err);
	return lock < 0 ? lock : vzr_blob_unlink(store, sha256, err);
}

int vzr_store_pin(struct vzr_store *store, struct vzr_blob *blob)
{
	struct vzr_blob *pins;

	vzr_store_unpin(store, &blob->digest);
	pins = reallocarray(store->pins, store->n_pins + 1, sizeof(*pins));
	if (!pins)
		return -ENOMEM;
	store->pins = pins;
	pins[store->n_pins++] = *blob;
	blob->fd = -1;
	return 0;
}

void vzr_store_unpin(struct vzr_store *store, const struct vzr_digest *sha256)
{
	for (size_t i = 0; i < store->n_pins; i++)
		if (vzr_digest_equal(&store->pins[i].digest, sha256)) {
			vzr_blob_done(&store->pins[i]);
			store->pins[i] = store->pins[--store->n_pins];
			return;
		}
}
