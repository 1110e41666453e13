/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a source remembers in the store, index/SOURCE/: the last good index for times when no
 * server answers, and small files of keys. All of it can be deleted.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"
#include "engine/base/time.h"

#include <string.h>

#define RECORD_MAX (4u << 20)

void vzr_index_done(struct vzr_index *index)
{
	free(index->name);
	free(index->base);
	vzr_buf_done(&index->text);
	vzr_buf_done(&index->signature);
	*index = (struct vzr_index){ 0 };
}

static int open_memory(const struct vzr_source *source, bool make, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = NULL;

	if (asprintf(&path, "index/%s", source->conf.name) < 0)
		return vzr_fail_code(err, -ENOMEM, "source %s", source->conf.name);
	return make ? vzr_store_subdir(source->options->store, path, err)
		    : vzr_store_subdir_find(source->options->store, path, err);
}

/* A cache that we may not write is a cache that does not remember, not a failure. */
static int tolerate(const struct vzr_source *source, int code, const struct vzr_error *why)
{
	if (code != -EACCES && code != -EPERM && code != -EROFS)
		return code;
	vzr_debug(source->options->ctx, "source %s: nothing is remembered: %s", source->conf.name,
		  why->msg);
	return 0;
}

int vzr_memory_read(const struct vzr_source *source, const char *file, struct vzr_kv *ret_kv,
		    struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = RECORD_MAX };
	VZR_AUTO_CLOSE int dir = open_memory(source, false, err);
	struct vzr_error why = VZR_ERROR_INIT;
	int r;

	*ret_kv = (struct vzr_kv){ 0 };
	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return dir;
	r = vzr_file_read(dir, file, &buf, &why);
	if (r == 0)
		r = vzr_kv_parse(vzr_buf_cstr(&buf), buf.len, 0, ret_kv, &why);
	if (r < 0 && r != -ENOENT)
		vzr_debug(source->options->ctx, "source %s: %s is not usable: %s",
			  source->conf.name, file, why.msg);
	return r == -ENOMEM ? vzr_fail_code(err, r, "source %s", source->conf.name) : 0;
}

int vzr_memory_write(struct vzr_source *source, const char *file, const struct vzr_kv *kv,
		     struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = RECORD_MAX };
	struct vzr_error why = VZR_ERROR_INIT;
	VZR_AUTO_CLOSE int dir = -1;
	int r = vzr_kv_emit(kv, &buf);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot remember %s of source %s", file,
				     source->conf.name);
	dir = open_memory(source, true, &why);
	r = dir < 0 ? dir : vzr_file_put(dir, file, vzr_buf_cstr(&buf), buf.len, 0644, 0, &why);
	if (r < 0 && tolerate(source, r, &why) < 0) {
		if (err)
			*err = why;
		return r;
	}
	return 0;
}

int vzr_memory_lock(struct vzr_source *source, int *ret_fd, struct vzr_error *err)
{
	struct vzr_error why = VZR_ERROR_INIT;
	VZR_AUTO_CLOSE int dir = open_memory(source, true, &why);
	int fd = dir < 0 ? dir : vzr_lock(dir, "lock", true, &why);

	if (fd < 0 && tolerate(source, fd, &why) < 0) {
		if (err)
			*err = why;
		return fd;
	}
	*ret_fd = fd < 0 ? -1 : fd;
	return 0;
}

void vzr_file_identity(const struct stat *st, char out[VZR_FILE_IDENTITY])
{
	snprintf(out, VZR_FILE_IDENTITY, "%llu:%llu:%lld:%lld.%09ld:%lld.%09ld",
		 (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
		 (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		 (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

/* ---- the last good index ---- */

/* "index" or "index-PART": a record that names the files with the bytes, which it is swapped for.
 */
static char *record_name(const char *part)
{
	char *name = NULL;

	return asprintf(&name, "index%s%s", *part ? "-" : "", part) < 0 ? NULL : name;
}

static int put_bytes(int dir, const char *name, const struct vzr_buf *buf, struct vzr_error *err)
{
	return vzr_file_put(dir, name, vzr_buf_cstr(buf), buf->len, 0644, 0, err);
}

/* Writes text and signature under names of their own: a kill never leaves a mixed pair. */
static int put_pair(struct vzr_source *source, const char *key, const struct vzr_index *index,
		    struct vzr_error *err)
{
	char name[VZR_DIGEST_HEX + 8];
	VZR_AUTO_CLOSE int dir = open_memory(source, true, err);
	int r;

	if (dir < 0)
		return dir;
	snprintf(name, sizeof(name), "%s.text", key);
	r = put_bytes(dir, name, &index->text, err);
	snprintf(name, sizeof(name), "%s.sig", key);
	return r < 0 ? r : put_bytes(dir, name, &index->signature, err);
}

static void drop_pair(struct vzr_source *source, const char *key)
{
	char name[VZR_DIGEST_HEX + 8];
	VZR_AUTO_CLOSE int dir = open_memory(source, false, NULL);

	if (dir < 0 || strchr(key, '/'))
		return;
	snprintf(name, sizeof(name), "%s.text", key);
	(void)unlinkat(dir, name, 0);
	snprintf(name, sizeof(name), "%s.sig", key);
	(void)unlinkat(dir, name, 0);
}

/* The key of a pair: the digest over both. */
static int pair_key(const struct vzr_index *index, char key[VZR_DIGEST_HEX])
{
	VZR_AUTO_HASH struct vzr_hash *hash = NULL;
	struct vzr_digest digest;
	int r = vzr_hash_new(VZR_SHA256, &hash);

	if (r < 0)
		return r;
	vzr_hash_add(hash, vzr_buf_cstr(&index->text), index->text.len);
	vzr_hash_add(hash, "", 1);
	vzr_hash_add(hash, vzr_buf_cstr(&index->signature), index->signature.len);
	vzr_hash_end(hash, &digest);
	vzr_digest_hex(&digest, key);
	return 0;
}

int vzr_index_save(struct vzr_source *source, const char *part, const struct vzr_index *index,
		   struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv old = { 0 };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_FREE char *record = record_name(part);
	struct vzr_error why = VZR_ERROR_INIT;
	char key[VZR_DIGEST_HEX];
	VZR_AUTO_CLOSE int lock = -1;
	const char *old_key;
	int r = record ? pair_key(index, key) : -ENOMEM;

	if (r < 0)
		return vzr_fail_code(err, r, "cannot remember the index of %s", source->conf.name);
	r = vzr_memory_lock(source, &lock, err);
	if (r < 0 || lock < 0)
		return r;
	r = vzr_memory_read(source, record, &old, err);
	if (r < 0)
		return r;
	old_key = vzr_kv_get(&old, "KEY");
	if (!old_key || strcmp(old_key, key) != 0)
		r = put_pair(source, key, index, &why);
	if (r == 0)
		r = vzr_kv_set(&kv, "KEY", key, &why);
	if (r == 0)
		r = vzr_kv_set(&kv, "NAME", index->name, &why);
	if (r == 0)
		r = vzr_kv_set(&kv, "BASE", index->base, &why);
	if (r == 0)
		r = vzr_kv_printf(&kv, "FETCHED", &why, "%lld", (long long)index->fetched);
	if (r == 0)
		r = vzr_memory_write(source, record, &kv, &why);
	if (r == 0 && old_key && strcmp(old_key, key) != 0)
		drop_pair(source, old_key);
	if (r < 0 && tolerate(source, r, &why) < 0)
		return vzr_fail(err, r, "cannot remember the index of source %s: %s",
				source->conf.name, why.msg);
	return 0;
}

static int get_bytes(int dir, const char *key, const char *suffix, struct vzr_buf *buf,
		     struct vzr_error *err)
{
	char name[VZR_DIGEST_HEX + 8];

	snprintf(name, sizeof(name), "%s.%s", key, suffix);
	return vzr_file_read(dir, name, buf, err);
}

int vzr_index_load(struct vzr_source *source, const char *part, struct vzr_index *ret_index,
		   struct vzr_error *err)
{
	VZR_AUTO_INDEX struct vzr_index index = { .text.max = VZR_SUMS_MAX,
						  .signature.max = VZR_SIGNATURE_MAX };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_FREE char *record = record_name(part);
	VZR_AUTO_CLOSE int dir = open_memory(source, false, NULL);
	const char *key, *name, *base, *fetched;
	uint64_t seconds = 0;
	int r = record ? vzr_memory_read(source, record, &kv, err) : -ENOMEM;

	if (r < 0)
		return r;
	key = vzr_kv_get(&kv, "KEY");
	name = vzr_kv_get(&kv, "NAME");
	base = vzr_kv_get(&kv, "BASE");
	fetched = vzr_kv_get(&kv, "FETCHED");
	if (dir < 0 || !key || strchr(key, '/') || !name || !base || !fetched ||
	    vzr_parse_uint(fetched, INT64_MAX, &seconds) < 0 ||
	    get_bytes(dir, key, "text", &index.text, NULL) < 0 ||
	    get_bytes(dir, key, "sig", &index.signature, NULL) < 0)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "no index of source %s is stored",
				source->conf.name);
	index.name = strdup(name);
	index.base = strdup(base);
	index.fetched = (int64_t)seconds;
	if (!index.name || !index.base)
		return vzr_fail_code(err, -ENOMEM, "cannot read the index of %s",
				     source->conf.name);
	*ret_index = index;
	index = (struct vzr_index){ 0 };
	return 0;
}
