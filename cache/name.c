/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: one small record each, replaced atomically; blobs go when their last name does. */
#include "cache/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/kv.h"
#include "engine/base/path.h"
#include "engine/base/size.h"

#include <fcntl.h>
#include <string.h>

#define RECORD_MAX (64u << 10)

void vzr_name_done(struct vzr_name *name)
{
	free(name->name);
	free(name->source);
	free(name->trust);
	free(name->location);
	free(name->compression);
	*name = (struct vzr_name){ 0 };
}

char *vzr_kv_safe(const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = text ? malloc(3 * strlen(text) + 1) : NULL;
	char *p = out;

	if (!out)
		return NULL;
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= 0x20 && c != 0x7f && !strchr("\"`\\$", c)) {
			*p++ = *text;
			continue;
		}
		*p++ = '%';
		*p++ = digits[c >> 4];
		*p++ = digits[c & 15];
	}
	*p = '\0';
	return out;
}

/* Names with a leading dot are temporary files here. */
static int check_name(const char *name, struct vzr_error *err)
{
	int r = vzr_name_check("template name", name, err);

	if (r < 0)
		return r;
	if (name[0] == '.')
		return vzr_fail(err, -VZR_E_INPUT, "template name '%s' begins with a dot", name);
	return 0;
}

static int set_text(struct vzr_kv *kv, const char *key, const char *text, struct vzr_error *err)
{
	VZR_AUTO_FREE char *safe = vzr_kv_safe(text);

	if (!text)
		return 0;
	return safe ? vzr_kv_set(kv, key, safe, err)
		    : vzr_fail_code(err, -ENOMEM, "cannot set %s", key);
}

static int set_number(struct vzr_kv *kv, const char *key, uint64_t number, struct vzr_error *err)
{
	return number ? vzr_kv_printf(kv, key, err, "%llu", (unsigned long long)number) : 0;
}

static int emit_record(const struct vzr_name *name, struct vzr_buf *buf, struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	char digest[VZR_DIGEST_TEXT];
	int r = vzr_kv_set(&kv, "NAME", name->name, err);

	if (r == 0)
		r = vzr_kv_set(&kv, "DIGEST", vzr_digest_text(&name->digest, digest), err);
	if (r == 0)
		r = set_number(&kv, "SIZE", name->size_bytes, err);
	if (r == 0)
		r = set_text(&kv, "SOURCE", name->source, err);
	if (r == 0)
		r = set_text(&kv, "TRUST", name->trust, err);
	if (r == 0)
		r = set_text(&kv, "LOCATION", name->location, err);
	if (r == 0)
		r = set_text(&kv, "COMPRESSION", name->compression, err);
	if (r == 0)
		r = set_number(&kv, "UNPACKED_KIB", name->unpacked_kib, err);
	if (r == 0)
		r = set_number(&kv, "UNPACKED_INODES", name->unpacked_inodes, err);
	if (r == 0)
		r = set_number(&kv, "TIME", name->time > 0 ? (uint64_t)name->time : 0, err);
	if (r == 0 && (r = vzr_kv_emit(&kv, buf)) < 0)
		r = vzr_fail_code(err, r, "cannot write the record");
	return r;
}

static int get_text(const struct vzr_kv *kv, const char *key, char **ret_text)
{
	const char *value = vzr_kv_get(kv, key);

	if (!value)
		return 0;
	*ret_text = strdup(value);
	return *ret_text ? 0 : -ENOMEM;
}

static int get_number(const struct vzr_kv *kv, const char *key, uint64_t *ret_number,
		      struct vzr_error *err)
{
	const char *value = vzr_kv_get(kv, key);
	int r = value ? vzr_parse_uint(value, INT64_MAX, ret_number) : 0;

	return r < 0 ? vzr_fail(err, -VZR_E_CONFIG, "%s is no number", key) : 0;
}

static int parse_record(const char *name, const struct vzr_buf *buf, struct vzr_name *record,
			struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	const char *digest, *own;
	uint64_t time = 0;
	int r = vzr_kv_parse(vzr_buf_cstr(buf), buf->len, VZR_KV_STRICT, &kv, err);

	if (r < 0)
		return r;
	digest = vzr_kv_get(&kv, "DIGEST");
	own = vzr_kv_get(&kv, "NAME");
	if (!own || strcmp(own, name) != 0)
		return vzr_fail(err, -VZR_E_CONFIG, "NAME is not that of the file");
	if (!digest || vzr_digest_parse(digest, &record->digest, NULL) < 0 ||
	    record->digest.algo != VZR_SHA256)
		return vzr_fail(err, -VZR_E_CONFIG, "DIGEST is no SHA-256");
	r = get_number(&kv, "SIZE", &record->size_bytes, err);
	if (r == 0)
		r = get_number(&kv, "UNPACKED_KIB", &record->unpacked_kib, err);
	if (r == 0)
		r = get_number(&kv, "UNPACKED_INODES", &record->unpacked_inodes, err);
	if (r == 0)
		r = get_number(&kv, "TIME", &time, err);
	if (r < 0)
		return r;
	record->time = (int64_t)time;
	record->name = strdup(name);
	if (!record->name || get_text(&kv, "SOURCE", &record->source) < 0 ||
	    get_text(&kv, "TRUST", &record->trust) < 0 ||
	    get_text(&kv, "LOCATION", &record->location) < 0 ||
	    get_text(&kv, "COMPRESSION", &record->compression) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot read the record");
	return 0;
}

static int no_such_name(const struct vzr_store *store, const char *name, struct vzr_error *err)
{
	return vzr_fail(err, -VZR_E_NOT_FOUND, "the cache %s has no template %s", store->path,
			name);
}

static int read_record(struct vzr_store *store, int dir, const char *name,
		       struct vzr_name *ret_name, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { .max = RECORD_MAX };
	int r = vzr_file_read(dir, name, &buf, err);

	if (r == -ENOENT)
		return no_such_name(store, name, err);
	if (r == 0)
		r = parse_record(name, &buf, &record, err);
	/* What the system refuses says nothing about the record. */
	if (r < 0 && r > -VZR_E_FAILED && r != -ELOOP)
		return vzr_wrap(err, r, "template %s in the cache %s", name, store->path);
	if (r < 0) {
		vzr_wrap(err, r, "the record of template %s in the cache %s is damaged (remove or "
			 "pull it again)", name, store->path);
		if (err)
			err->code = -VZR_E_CONFIG;
		return -VZR_E_CONFIG;
	}
	*ret_name = record;
	record = (struct vzr_name){ 0 };
	return 0;
}

int vzr_store_name_get(struct vzr_store *store, const char *name, struct vzr_name *ret_name,
		       struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = -1;
	int r = check_name(name, err);

	if (r < 0)
		return r;
	dir = vzr_store_dir(store, "names", 0, err);
	if (dir < 0)
		return dir == -ENOENT ? no_such_name(store, name, err) : dir;
	return read_record(store, dir, name, ret_name, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int vzr_store_name_list(struct vzr_store *store, struct vzr_list *ret_names, struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	VZR_AUTO_CLOSEDIR DIR *stream = NULL;
	const struct dirent *entry;
	int dir = vzr_store_dir(store, "names", 0, err);

	if (dir < 0 && dir != -ENOENT)
		return dir;
	if (dir >= 0 && !(stream = fdopendir(dir))) {
		close(dir);
		return vzr_fail_errno(err, "cannot list the names in the cache %s", store->path);
	}
	while (stream && (errno = 0, entry = readdir(stream)))
		if (check_name(entry->d_name, NULL) == 0 &&
		    vzr_list_add_text(&names, entry->d_name) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot list the names");
	if (stream && errno)
		return vzr_fail_errno(err, "cannot list the names in the cache %s", store->path);
	if (names.count > 1)
		qsort(names.items, names.count, sizeof(*names.items), by_text);
	*ret_names = names;
	names = (struct vzr_list){ 0 };
	return 0;
}

bool vzr_blob_is_named(struct vzr_store *store, const struct vzr_digest *sha256,
		       const char *except)
{
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };

	if (vzr_store_name_list(store, &names, NULL) < 0)
		return true;
	for (size_t i = 0; i < names.count; i++) {
		VZR_AUTO_NAME struct vzr_name record = { 0 };
		const char *name = names.items[i];

		if (except && strcmp(name, except) == 0)
			continue;
		if (vzr_store_name_get(store, name, &record, NULL) < 0 ||
		    vzr_digest_equal(&record.digest, sha256))
			return true;
	}
	return false;
}

static int require_blob(struct vzr_store *store, const struct vzr_name *name,
			struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	int r = vzr_store_blob_open(store, &name->digest, &blob, err);

	return r < 0 ? vzr_wrap(err, r, "cannot name template %s", name->name) : 0;
}

int vzr_store_name_put(struct vzr_store *store, const struct vzr_name *name, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = RECORD_MAX };
	VZR_AUTO_NAME struct vzr_name old = { 0 };
	struct vzr_error why = VZR_ERROR_INIT;
	VZR_AUTO_CLOSE int lock = -1;
	VZR_AUTO_CLOSE int dir = -1;
	bool replaces;
	int r = check_name(name->name, err);

	if (r == 0)
		r = emit_record(name, &buf, err);
	if (r < 0)
		return r;
	lock = vzr_store_lock(store, err);
	if (lock < 0)
		return lock;
	r = require_blob(store, name, err);
	if (r < 0)
		return r;
	dir = vzr_store_dir(store, "names", 0755, err);
	if (dir < 0)
		return dir;
	replaces = read_record(store, dir, name->name, &old, NULL) == 0 &&
		   !vzr_digest_equal(&old.digest, &name->digest);
	r = vzr_file_put(dir, name->name, vzr_buf_cstr(&buf), buf.len, 0644, 0, err);
	if (r < 0)
		return vzr_store_write_error(store, r, err);
	vzr_store_unpin(store, &name->digest);
	/* The name has its new bytes; that the old ones are still being read is no failure. */
	if (replaces && !vzr_blob_is_named(store, &old.digest, NULL) &&
	    vzr_blob_unlink(store, &old.digest, &why) < 0)
		vzr_debug(store->ctx, "the old bytes of %s stay for now: %s", name->name, why.msg);
	return 0;
}

int vzr_store_name_remove(struct vzr_store *store, const char *name, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	VZR_AUTO_CLOSE int lock = -1;
	VZR_AUTO_CLOSE int dir = -1;
	VZR_AUTO_CLOSE int claim = -1;
	bool last;
	int r = check_name(name, err);

	if (r < 0)
		return r;
	dir = vzr_store_dir(store, "names", 0, err);
	if (dir < 0)
		return dir == -ENOENT ? no_such_name(store, name, err) : dir;
	lock = vzr_store_lock(store, err);
	if (lock < 0)
		return lock;
	r = read_record(store, dir, name, &record, err);
	if (r < 0 && r != -VZR_E_CONFIG)
		return r;
	/* A damaged record names no blob: it goes alone, and recovery takes the blob. */
	last = r == 0 && !vzr_blob_is_named(store, &record.digest, name);
	if (last) {
		r = vzr_blob_claim(store, &record.digest, &claim, err);
		if (r < 0)
			return vzr_wrap(err, r, "cannot remove template %s", name);
	}
	if (unlinkat(dir, name, 0) < 0)
		return vzr_store_write_error(store, -errno, err);
	r = vzr_fsync_dir(dir);
	if (r < 0)
		return vzr_store_write_error(store, r, err);
	return last ? vzr_blob_drop(store, &record.digest, err) : 0;
}
