/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One download of one thing at a time, and what an earlier run left of it. */
#include "cache/partial.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/kv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#define META_MAX (16u << 10)
#define WAIT_MS 50

static void make_key(const struct vzr_fetch_job *job, char key[VZR_PARTIAL_KEY])
{
	char hex[VZR_DIGEST_HEX] = "";
	struct vzr_digest digest;

	if (job->terms.digest)
		vzr_digest_hex(job->terms.digest, hex);
	else if (vzr_digest_of(VZR_SHA256, job->urls[0], strlen(job->urls[0]), &digest) == 0)
		vzr_digest_hex(&digest, hex);
	snprintf(key, VZR_PARTIAL_KEY, "%s%s", job->terms.digest ? "" : "url-", hex);
}

static void meta_name(const struct vzr_partial *partial, char name[VZR_PARTIAL_KEY + 8])
{
	snprintf(name, VZR_PARTIAL_KEY + 8, "%s.meta", partial->key);
}

static void remove_meta(struct vzr_partial *partial)
{
	char name[VZR_PARTIAL_KEY + 8];

	meta_name(partial, name);
	unlinkat(partial->sink.dir_fd, name, 0);
	free(vzr_take_ptr(partial->url));
	free(vzr_take_ptr(partial->validator));
}

/*
 * Identifies this run of the kernel. What a process had written is whole after its death, but not
 * after a power cut; only a digest can tell then.
 */
static void boot_id(char out[64])
{
	VZR_AUTO_CLOSE int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, 63) : 0;

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789abcdef-")] = '\0';
}

static int write_meta(struct vzr_partial *partial, const struct vzr_answer *answer,
		      struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { .max = META_MAX };
	char name[VZR_PARTIAL_KEY + 8], boot[64];
	int r = vzr_kv_set(&kv, "URL", partial->url, err);

	boot_id(boot);
	if (r == 0)
		r = vzr_kv_set(&kv, "BOOT", boot, err);
	if (r == 0 && *answer->etag)
		r = vzr_kv_set(&kv, "ETAG", answer->etag, err);
	if (r == 0 && *answer->last_modified)
		r = vzr_kv_set(&kv, "LAST_MODIFIED", answer->last_modified, err);
	if (r == 0 && answer->has_length)
		r = vzr_kv_printf(&kv, "SIZE", err, "%llu", (unsigned long long)answer->length);
	if (r == 0 && (r = vzr_kv_emit(&kv, &buf)) < 0)
		r = vzr_fail_code(err, r, "cannot note the download");
	if (r < 0)
		return r;
	meta_name(partial, name);
	r = vzr_file_put(partial->sink.dir_fd, name, vzr_buf_cstr(&buf), buf.len, 0600,
			 VZR_PUT_NO_SYNC, err);
	return r < 0 ? vzr_store_write_error(partial->sink.store, r, err) : 0;
}

static int set_validator(struct vzr_partial *partial, const char *etag, const char *date)
{
	if (etag && *etag)
		return asprintf(&partial->validator, "\"%s\"", etag) < 0 ? -ENOMEM : 0;
	if (!date || !*date)
		return 0;
	partial->validator = strdup(date);
	return partial->validator ? 0 : -ENOMEM;
}

/* Reads what an earlier run noted; without a digest it counts only if nothing was lost since. */
static int read_meta(struct vzr_partial *partial)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { .max = META_MAX };
	char name[VZR_PARTIAL_KEY + 8], boot[64];
	const char *url, *noted;
	int r;

	meta_name(partial, name);
	r = vzr_file_read(partial->sink.dir_fd, name, &buf, NULL);
	if (r == 0)
		r = vzr_kv_parse(vzr_buf_cstr(&buf), buf.len, VZR_KV_STRICT, &kv, NULL);
	if (r < 0)
		return r;
	url = vzr_kv_get(&kv, "URL");
	noted = vzr_kv_get(&kv, "BOOT");
	boot_id(boot);
	if (!url || !noted)
		return -EINVAL;
	if (!partial->sink.terms->digest && (!*boot || strcmp(noted, boot) != 0))
		return -ESTALE;
	partial->url = strdup(url);
	r = partial->url ? 0 : -ENOMEM;
	return r < 0 ? r : set_validator(partial, vzr_kv_get(&kv, "ETAG"),
					 vzr_kv_get(&kv, "LAST_MODIFIED"));
}

bool vzr_partial_fits(const struct vzr_partial *partial, const char *url)
{
	VZR_AUTO_FREE char *safe = vzr_kv_safe(url);

	if (!partial->sink.size_bytes || !partial->url || !safe)
		return false;
	return partial->sink.terms->digest ||
	       (partial->validator && strcmp(partial->url, safe) == 0);
}

const char *vzr_partial_condition(const struct vzr_partial *partial, const char *url)
{
	VZR_AUTO_FREE char *safe = vzr_kv_safe(url);

	return safe && partial->url && strcmp(partial->url, safe) == 0 ? partial->validator : NULL;
}

int vzr_partial_restart(struct vzr_partial *partial, struct vzr_error *err)
{
	/* In this order: a note never stands beside bytes that it is not of. */
	int r = vzr_sink_restart(&partial->sink, err);

	remove_meta(partial);
	partial->mixed = partial->spoilt = false;
	return r;
}

int vzr_partial_publish(struct vzr_partial *partial, struct vzr_digest *ret_sha256,
			struct vzr_error *err)
{
	int r = vzr_sink_publish(&partial->sink, ret_sha256, err);

	/* Refused, or an fsync that failed: the bytes are not to be met again. */
	partial->spoilt = r != -ENOSPC && r != -EDQUOT;
	if (r == 0)
		remove_meta(partial);
	return r;
}

int vzr_partial_begin(struct vzr_partial *partial, const char *url,
		      const struct vzr_answer *answer, struct vzr_error *err)
{
	int r = vzr_partial_restart(partial, err);

	if (r < 0 || !answer)
		return r;
	partial->url = vzr_kv_safe(url);
	if (!partial->url || set_validator(partial, answer->etag, answer->last_modified) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot note the download");
	return write_meta(partial, answer, err);
}

int vzr_blob_ready(struct vzr_store *store, const struct vzr_digest *sha256,
		   const struct vzr_blob_terms *terms, struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_digest found;
	uint64_t size;
	int r = vzr_store_blob_open(store, sha256, &blob, err);

	/* What has the name but cannot be a blob is replaced by the download. */
	if (r == -VZR_E_NOT_FOUND || r == -VZR_E_NOT_TRUSTED)
		return 0;
	if (r < 0)
		return r;
	if (terms->size_bytes && blob.size_bytes != terms->size_bytes)
		return 0;
	if (terms->digest && terms->digest->algo == VZR_SHA512 &&
	    (vzr_digest_of_fd(VZR_SHA512, blob.fd, &found, &size, err) < 0 ||
	     !vzr_digest_equal(&found, terms->digest)))
		return 0;
	if (terms->verify) {
		if (lseek(blob.fd, 0, SEEK_SET) < 0)
			return vzr_fail_errno(err, "cannot rewind");
		r = terms->verify(terms->verify_data, blob.fd, blob.size_bytes, err);
		if (r < 0)
			return r;
	}
	r = vzr_store_pin(store, &blob);
	return r < 0 ? vzr_fail_code(err, r, "cannot keep a blob") : 1;
}

/*
 * @fd is what another process downloaded into while we waited, and it has lost its name. If it was
 * published, its bytes cannot change any more, and the blob of its digest is there.
 */
static int take_over(struct vzr_store *store, const struct vzr_fetch_job *job, int fd,
		     struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	struct vzr_digest sha256;
	struct stat st;
	uint64_t size;
	int r;

	if (fstat(fd, &st) < 0 || (st.st_mode & 0222))
		return 0;
	r = vzr_digest_of_fd(VZR_SHA256, fd, &sha256, &size, err);
	if (r < 0 || (job->terms.digest && job->terms.digest->algo == VZR_SHA256 &&
		      !vzr_digest_equal(&sha256, job->terms.digest)))
		return 0;
	r = vzr_blob_ready(store, &sha256, &job->terms, err);
	if (r == 1)
		*ret_sha256 = sha256;
	return r;
}

/* Waits for the lock. 0: locked. 1: finished by the other one. -EAGAIN: the file was removed. */
static int wait_for(struct vzr_partial *partial, const struct vzr_fetch_job *job,
		    struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	const struct timespec pause = { .tv_nsec = WAIT_MS * 1000000l };
	struct vzr_store *store = partial->sink.store;
	int fd = partial->sink.fd;

	for (bool told = false;; told = true) {
		int r = vzr_cancelled(store->ctx, err);

		if (r < 0)
			return r;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return vzr_fail_errno(err, "cannot lock %s/partial/%s", store->path,
					      partial->key);
		if (!vzr_same_file(partial->sink.dir_fd, partial->key, fd))
			break;
		if (!told)
			vzr_info(store->ctx, "another process is downloading %s: waiting for it",
				 job->label);
		nanosleep(&pause, NULL);
	}
	if (!vzr_same_file(partial->sink.dir_fd, partial->key, fd)) {
		/* If it is a blob now, our lock would keep us from opening it. */
		int r = flock(fd, LOCK_UN) < 0 ? -errno
					       : take_over(store, job, fd, ret_sha256, err);

		return r == 0 ? -EAGAIN : r;
	}
	return 0;
}

static int open_locked(struct vzr_partial *partial, const struct vzr_fetch_job *job,
		       struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	struct vzr_sink *sink = &partial->sink;
	struct stat st;
	int r;

	do {
		const int flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

		vzr_closep(&sink->fd);
		sink->fd = openat(sink->dir_fd, partial->key, flags, 0600);
		/* Read-only: its owner was killed just before it was published. */
		if (sink->fd < 0 && errno == EACCES &&
		    fchmodat(sink->dir_fd, partial->key, 0600, 0) == 0)
			sink->fd = openat(sink->dir_fd, partial->key, flags, 0600);
		if (sink->fd < 0 || fstat(sink->fd, &st) < 0)
			return vzr_store_write_error(sink->store, -errno, err);
		if (!S_ISREG(st.st_mode))
			return vzr_fail(err, -VZR_E_NOT_TRUSTED,
					"%s/partial/%s is not a regular file", sink->store->path,
					partial->key);
		r = wait_for(partial, job, ret_sha256, err);
	} while (r == -EAGAIN);
	return r;
}

/* Takes over the bytes that are there, if they are of any use. */
static int load(struct vzr_partial *partial, struct vzr_error *err)
{
	struct vzr_sink *sink = &partial->sink;
	struct stat st;
	int r;

	if (fstat(sink->fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at a download");
	if (st.st_size == 0 || (sink->terms->size_bytes &&
				(uint64_t)st.st_size > sink->terms->size_bytes) ||
	    read_meta(partial) < 0)
		return vzr_partial_restart(partial, err);
	/* An owner that was killed between chmod and rename has left it read-only. */
	if (fchmod(sink->fd, 0600) < 0)
		return vzr_store_write_error(sink->store, -errno, err);
	r = vzr_sink_resume(sink, err);
	if (r == -VZR_E_CANCELLED || r == -ENOMEM)
		return r;
	partial->mixed = true;
	return r < 0 ? vzr_partial_restart(partial, err) : 0;
}

int vzr_partial_open(struct vzr_partial *partial, struct vzr_store *store,
		     const struct vzr_fetch_job *job, struct vzr_digest *ret_sha256,
		     struct vzr_error *err)
{
	struct vzr_sink *sink = &partial->sink;
	const struct vzr_digest *want = job->terms.digest;
	int r;

	make_key(job, partial->key);
	sink->dir_fd = vzr_store_dir(store, "partial", 0700, err);
	if (sink->dir_fd < 0)
		return sink->dir_fd;
	r = vzr_sink_adopt(sink, store, &job->terms, err);
	if (r == 0)
		r = open_locked(partial, job, ret_sha256, err);
	if (r != 0)
		return r;
	sink->name = strdup(partial->key);
	if (!sink->name)
		return vzr_fail_code(err, -ENOMEM, "cannot download");
	/* It may have become ready while we waited. */
	if (want && want->algo == VZR_SHA256) {
		r = vzr_blob_ready(store, want, &job->terms, err);
		if (r == 1)
			*ret_sha256 = *want;
		partial->spoilt = r == 1;
		if (r != 0)
			return r;
	}
	return load(partial, err);
}

void vzr_partial_done(struct vzr_partial *partial)
{
	struct vzr_sink *sink = &partial->sink;
	int saved = errno;

	/* Without a name it is published, or was never ours. What a full disk cuts is no loss. */
	if (sink->name && sink->buffer)
		(void)!vzr_sink_flush(sink, NULL);
	sink->keep = !partial->spoilt && sink->size_bytes > 0 && partial->url &&
		     (sink->terms->digest || partial->validator);
	if (sink->dir_fd >= 0 && sink->fd >= 0 && sink->name && !sink->keep)
		remove_meta(partial);
	free(vzr_take_ptr(partial->url));
	free(vzr_take_ptr(partial->validator));
	vzr_sink_done(sink);
	errno = saved;
}
