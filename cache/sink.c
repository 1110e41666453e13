/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New blobs: counted and hashed while they are written, visible only when whole and right. */
#include "cache/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#define SINK_BUFFER (256u << 10)
#define BLOB_MODE 0444

static int new_hashes(struct vzr_sink *sink, struct vzr_error *err)
{
	const struct vzr_digest *want = sink->terms->digest;
	int r;

	vzr_hash_free(sink->sha256);
	vzr_hash_free(sink->sha512);
	sink->sha256 = sink->sha512 = NULL;
	r = vzr_hash_new(VZR_SHA256, &sink->sha256);
	if (r == 0 && want && want->algo == VZR_SHA512)
		r = vzr_hash_new(VZR_SHA512, &sink->sha512);
	return r < 0 ? vzr_fail_code(err, r, "cannot compute a digest") : 0;
}

int vzr_sink_adopt(struct vzr_sink *sink, struct vzr_store *store,
		   const struct vzr_blob_terms *terms, struct vzr_error *err)
{
	sink->store = store;
	sink->terms = terms;
	sink->buffer = malloc(SINK_BUFFER);
	if (!sink->buffer)
		return vzr_fail_code(err, -ENOMEM, "cannot write to the cache %s", store->path);
	return new_hashes(sink, err);
}

/* A named file, for file systems without O_TMPFILE; locked, so that no cleaner takes it. */
static int open_named(struct vzr_sink *sink, struct vzr_store *store, struct vzr_error *err)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return vzr_fail_errno(err, "cannot get a random number");
	if (asprintf(&sink->name, "tmp.%016llx", (unsigned long long)number) < 0) {
		sink->name = NULL;
		return vzr_fail_code(err, -ENOMEM, "cannot write to the cache %s", store->path);
	}
	sink->fd = openat(sink->dir_fd, sink->name,
			  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (sink->fd < 0 || flock(sink->fd, LOCK_EX | LOCK_NB) < 0)
		return vzr_store_write_error(store, -errno, err);
	return 0;
}

int vzr_sink_open(struct vzr_sink *sink, struct vzr_store *store,
		  const struct vzr_blob_terms *terms, struct vzr_error *err)
{
	int r;

	sink->dir_fd = vzr_store_dir(store, "partial", 0700, err);
	if (sink->dir_fd < 0)
		return sink->dir_fd;
	sink->fd = openat(sink->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (sink->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT ||
			     errno == EINVAL)) {
		r = open_named(sink, store, err);
		if (r < 0)
			return r;
	}
	if (sink->fd < 0)
		return vzr_store_write_error(store, -errno, err);
	return vzr_sink_adopt(sink, store, terms, err);
}

int vzr_sink_flush(struct vzr_sink *sink, struct vzr_error *err)
{
	int r = vzr_write_all(sink->fd, sink->buffer, sink->buffered);

	sink->buffered = 0;
	return r < 0 ? vzr_store_write_error(sink->store, r, err) : 0;
}

/* Counts @len more bytes against the terms and hashes them. */
static int account(struct vzr_sink *sink, const void *data, size_t len, struct vzr_error *err)
{
	const struct vzr_blob_terms *terms = sink->terms;
	uint64_t max = terms->max_bytes ? terms->max_bytes : VZR_BLOB_MAX_BYTES;
	uint64_t size;

	if (__builtin_add_overflow(sink->size_bytes, len, &size) || size > max)
		return vzr_fail(err, -VZR_E_LIMIT, "more than the %llu bytes that are allowed",
				(unsigned long long)max);
	if (terms->size_bytes && size > terms->size_bytes)
		return vzr_fail(err, -VZR_E_DIGEST, "more than the %llu bytes it should have",
				(unsigned long long)terms->size_bytes);
	vzr_hash_add(sink->sha256, data, len);
	if (sink->sha512)
		vzr_hash_add(sink->sha512, data, len);
	sink->size_bytes = size;
	return terms->tap ? terms->tap->add(terms->tap->data, data, len, err) : 0;
}

/* Nothing was taken so far. */
static int start_over(struct vzr_sink *sink, struct vzr_error *err)
{
	const struct vzr_tap *tap = sink->terms->tap;

	if (tap && sink->size_bytes > 0)
		tap->restart(tap->data);
	sink->size_bytes = 0;
	sink->buffered = 0;
	return new_hashes(sink, err);
}

int vzr_sink_add(struct vzr_sink *sink, const void *data, size_t len, struct vzr_error *err)
{
	const char *p = data;
	int r = account(sink, data, len, err);

	while (r == 0 && len > 0) {
		size_t n = SINK_BUFFER - sink->buffered < len ? SINK_BUFFER - sink->buffered : len;

		memcpy(sink->buffer + sink->buffered, p, n);
		sink->buffered += n;
		p += n;
		len -= n;
		if (sink->buffered == SINK_BUFFER)
			r = vzr_sink_flush(sink, err);
	}
	return r;
}

/* Reads @fd block by block into the accounts; with @write into the file too. */
static int take_all(struct vzr_sink *sink, int fd, bool write, const char *stage,
		    struct vzr_error *err)
{
	VZR_AUTO_FREE char *block = malloc(SINK_BUFFER);

	if (!block)
		return vzr_fail_code(err, -ENOMEM, "cannot read");
	for (;;) {
		ssize_t n = read(fd, block, SINK_BUFFER);
		int r = vzr_cancelled(sink->store->ctx, err);

		if (r < 0)
			return r;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vzr_fail_errno(err, "cannot read");
		if (n == 0)
			return 0;
		r = account(sink, block, (size_t)n, err);
		if (r < 0)
			return r;
		r = write ? vzr_write_all(sink->fd, block, (size_t)n) : 0;
		if (r < 0)
			return vzr_store_write_error(sink->store, r, err);
		vzr_progress(sink->store->ctx, stage, sink->size_bytes, sink->terms->size_bytes);
	}
}

int vzr_sink_copy(struct vzr_sink *sink, int fd, const char *stage, struct vzr_error *err)
{
	int r = vzr_sink_flush(sink, err);

	return r < 0 ? r : take_all(sink, fd, true, stage, err);
}

int vzr_sink_resume(struct vzr_sink *sink, struct vzr_error *err)
{
	int r = start_over(sink, err);

	if (r < 0)
		return r;
	if (lseek(sink->fd, 0, SEEK_SET) < 0)
		return vzr_fail_errno(err, "cannot read what is there of the download");
	return take_all(sink, sink->fd, false, "fetch", err);
}

int vzr_sink_restart(struct vzr_sink *sink, struct vzr_error *err)
{
	int r = start_over(sink, err);

	if (r == 0 && (lseek(sink->fd, 0, SEEK_SET) < 0 || ftruncate(sink->fd, 0) < 0))
		return vzr_store_write_error(sink->store, -errno, err);
	return r;
}

static int wrong_digest(const struct vzr_digest *found, const struct vzr_digest *want,
			struct vzr_error *err)
{
	char a[VZR_DIGEST_TEXT], b[VZR_DIGEST_TEXT];

	return vzr_fail(err, -VZR_E_DIGEST, "digest is %s, expected %s", vzr_digest_text(found, a),
			vzr_digest_text(want, b));
}

/* Size, digest and the caller's own check. */
static int check_terms(struct vzr_sink *sink, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	const struct vzr_blob_terms *terms = sink->terms;
	struct vzr_digest sha512;

	if (terms->size_bytes && sink->size_bytes != terms->size_bytes)
		return vzr_fail(err, -VZR_E_DIGEST, "%llu bytes, expected %llu",
				(unsigned long long)sink->size_bytes,
				(unsigned long long)terms->size_bytes);
	vzr_hash_end(sink->sha256, ret_sha256);
	if (sink->sha512)
		vzr_hash_end(sink->sha512, &sha512);
	if (terms->digest) {
		const struct vzr_digest *found = sink->sha512 ? &sha512 : ret_sha256;

		if (!vzr_digest_equal(found, terms->digest))
			return wrong_digest(found, terms->digest, err);
	}
	if (!terms->verify)
		return 0;
	if (lseek(sink->fd, 0, SEEK_SET) < 0)
		return vzr_fail_errno(err, "cannot rewind");
	return terms->verify(terms->verify_data, sink->fd, sink->size_bytes, err);
}

/* Gives the file its name in @dir; whatever has that name goes (it is known to be no good). */
static int give_name(struct vzr_sink *sink, int dir, const char *hex)
{
	char self[32];

	if (sink->name)
		return renameat(sink->dir_fd, sink->name, dir, hex) < 0 ? -errno : 0;
	if (unlinkat(dir, hex, 0) < 0 && errno != ENOENT)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", sink->fd);
	if (linkat(AT_FDCWD, self, dir, hex, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	/* Without /proc; needs CAP_DAC_READ_SEARCH. */
	if (errno == ENOENT && linkat(sink->fd, "", dir, hex, AT_EMPTY_PATH) == 0)
		return 0;
	return -errno;
}

/* True if the blob is there already and its bytes are right; then it is pinned. */
static bool pin_existing(struct vzr_store *store, const struct vzr_digest *sha256)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_digest found;
	uint64_t size;

	return vzr_store_blob_open(store, sha256, &blob, NULL) == 0 &&
	       vzr_digest_of_fd(VZR_SHA256, blob.fd, &found, &size, NULL) == 0 &&
	       vzr_digest_equal(&found, sha256) && vzr_store_pin(store, &blob) == 0;
}

/* Under the store's lock, so that nobody can remove the blob before it is pinned. */
static int make_visible(struct vzr_sink *sink, const struct vzr_digest *sha256,
			struct vzr_error *err)
{
	struct vzr_blob blob = { .size_bytes = sink->size_bytes, .digest = *sha256 };
	VZR_AUTO_CLOSE int lock = -1;
	VZR_AUTO_CLOSE int dir = -1;
	char hex[VZR_DIGEST_HEX];
	int r;

	lock = vzr_store_lock(sink->store, err);
	if (lock < 0)
		return lock;
	if (pin_existing(sink->store, sha256))
		return 0;
	dir = vzr_blob_dir(sink->store, sha256, 0755, hex, err);
	if (dir < 0)
		return dir;
	r = give_name(sink, dir, hex);
	if (r == 0) {
		free(vzr_take_ptr(sink->name));
		r = vzr_fsync_dir(dir);
	}
	if (r < 0)
		return vzr_store_write_error(sink->store, r, err);
	if (flock(sink->fd, LOCK_SH) < 0)
		return vzr_fail_errno(err, "cannot lock blob %s", hex);
	blob.fd = vzr_take_fd(sink->fd);
	r = vzr_store_pin(sink->store, &blob);
	vzr_blob_done(&blob);
	return r < 0 ? vzr_fail_code(err, r, "cannot keep blob %s", hex) : 0;
}

int vzr_sink_publish(struct vzr_sink *sink, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	struct vzr_digest sha256;
	int r = vzr_sink_flush(sink, err);

	if (r == 0)
		r = check_terms(sink, &sha256, err);
	if (r < 0)
		return r;
	/* A failed fsync is final: the pages may be clean now and the bytes lost. */
	if (fchmod(sink->fd, BLOB_MODE) < 0 || fsync(sink->fd) < 0)
		return vzr_store_write_error(sink->store, -errno, err);
	r = make_visible(sink, &sha256, err);
	if (r < 0)
		return r;
	*ret_sha256 = sha256;
	return 0;
}

void vzr_sink_done(struct vzr_sink *sink)
{
	if (sink->name && sink->fd >= 0 && !sink->keep)
		unlinkat(sink->dir_fd, sink->name, 0);
	vzr_closep(&sink->fd);
	vzr_closep(&sink->dir_fd);
	vzr_hash_free(sink->sha256);
	vzr_hash_free(sink->sha512);
	free(sink->name);
	free(sink->buffer);
	*sink = (struct vzr_sink)VZR_SINK_INIT;
}

int vzr_store_blob_add(struct vzr_store *store, int fd, const struct vzr_blob_terms *terms,
		       struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	VZR_AUTO_SINK struct vzr_sink sink = VZR_SINK_INIT;
	int r = vzr_sink_open(&sink, store, terms, err);

	if (r == 0)
		r = vzr_sink_copy(&sink, fd, "import", err);
	if (r == 0)
		r = vzr_sink_publish(&sink, ret_sha256, err);
	return r;
}
