/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A walk that sums up one digest per name. The sums do not depend on the order of names, so that
 * directories of any size need no sorting.
 */
#include "engine/area/manifest.h"

#include "engine/area/internal.h"
#include "engine/area/listing.h"
#include "engine/base/buf.h"
#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

/* Deeper than what the unpacker makes at most. */
#define MAX_DEPTH 512
#define NAMES_MAX ((size_t)64 << 10)

struct walk {
	struct vzr_context *ctx;
	struct vzr_manifest *manifest;
	struct vzr_buf record; /* what is digested for one name */
	char *names;	       /* NAMES_MAX bytes for names of attributes */
	unsigned int depth;
};

static int walk_dir(struct walk *w, int fd, const char *path, struct vzr_error *err);

static int add_xattrs(struct walk *w, int fd)
{
	ssize_t len = flistxattr(fd, w->names, NAMES_MAX);
	bool some = false;

	for (const char *name = w->names; len > 0 && name < w->names + len;
	     name += strlen(name) + 1) {
		if (!vzr_clone_wants_xattr(name))
			continue;
		some = true;
		if (vzr_buf_add(&w->record, name, strlen(name) + 1) < 0)
			return -ENOMEM;
	}
	w->manifest->xattrs += some;
	return len < 0 && errno != EOPNOTSUPP ? -errno : 0;
}

static int add_sum(struct walk *w)
{
	struct vzr_digest digest;
	int r = vzr_digest_of(VZR_SHA256, w->record.data, w->record.len, &digest);

	for (size_t i = 0; r == 0 && i < VZR_COUNT(w->manifest->sums); i++) {
		uint64_t word;

		memcpy(&word, digest.bytes + i * sizeof(word), sizeof(word));
		w->manifest->sums[i] += word;
	}
	return r;
}

static int add_facts(struct walk *w, const char *path, const struct stat *st)
{
	bool dir = S_ISDIR(st->st_mode), file = S_ISREG(st->st_mode);

	w->record.len = 0;
	w->manifest->names++;
	w->manifest->bytes += file ? (uint64_t)st->st_size : 0;
	/* Sizes and link counts of directories are the file system's own business. */
	return vzr_buf_printf(&w->record,
			      "%s%c%o %u:%u %" PRIu64 " %" PRIu64 " %" PRIu64 " %lld.%09ld%c", path,
			      '\0', st->st_mode, st->st_uid, st->st_gid,
			      dir ? 0 : (uint64_t)st->st_size, dir ? 0 : (uint64_t)st->st_nlink,
			      (uint64_t)st->st_rdev, (long long)st->st_mtim.tv_sec,
			      st->st_mtim.tv_nsec, '\0');
}

static int add_link(struct walk *w, int dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));

	return n < 0 ? -errno : vzr_buf_add(&w->record, target, (size_t)n);
}

static int add_name(struct walk *w, int dir, const char *name, const char *path,
		    struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return vzr_fail_errno(err, "cannot look at %s", path);
	r = add_facts(w, path, &st);
	if (r == 0 && S_ISLNK(st.st_mode))
		r = add_link(w, dir, name);
	if (r == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		r = fd < 0 ? -errno : add_xattrs(w, fd);
	}
	if (r == 0)
		r = add_sum(w);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot look at %s", path);
	return S_ISDIR(st.st_mode) ? walk_dir(w, fd, path, err) : 0;
}

static int walk_names(struct walk *w, int fd, const char *path,
		      const struct vzr_listing *listing, struct vzr_error *err)
{
	int r = vzr_cancelled(w->ctx, err);

	for (size_t i = 0; r == 0 && i < listing->count; i++) {
		const char *name = vzr_listed_name(listing, &listing->entries[i]);
		VZR_AUTO_FREE char *below = NULL;

		if (asprintf(&below, "%s/%s", path, name) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot look at %s", path);
		r = add_name(w, fd, name, below, err);
	}
	return r;
}

static int walk_dir(struct walk *w, int fd, const char *path, struct vzr_error *err)
{
	VZR_AUTO_CLOSEDIR DIR *stream = NULL;
	int more = 1, r = vzr_listing_open(fd, &stream, err);

	if (r == 0 && ++w->depth > MAX_DEPTH)
		r = vzr_fail(err, -VZR_E_LIMIT, "%s is too deep", path);
	while (r == 0 && more == 1) {
		VZR_AUTO_LISTING struct vzr_listing listing = { 0 };

		more = vzr_listing_read(stream, &listing, err);
		r = more < 0 ? more : walk_names(w, fd, path, &listing, err);
	}
	w->depth--;
	return r;
}

int vzr_manifest_read(int root_fd, struct vzr_context *ctx, struct vzr_manifest *ret_manifest,
		      struct vzr_error *err)
{
	VZR_AUTO_FREE char *names = malloc(NAMES_MAX);
	struct vzr_manifest manifest = { 0 };
	struct walk w = { .ctx = ctx, .manifest = &manifest, .names = names };
	struct stat st;
	int r = names ? 0 : vzr_fail_code(err, -ENOMEM, "cannot look at the tree");

	if (r == 0 && fstat(root_fd, &st) < 0)
		r = vzr_fail_errno(err, "cannot look at the tree");
	if (r == 0) {
		r = add_facts(&w, "", &st);
		if (r == 0)
			r = add_xattrs(&w, root_fd);
		if (r == 0)
			r = add_sum(&w);
		if (r < 0)
			r = vzr_fail_code(err, r, "cannot look at the tree");
	}
	if (r == 0)
		r = walk_dir(&w, root_fd, "", err);
	vzr_buf_done(&w.record);
	if (r == 0)
		*ret_manifest = manifest;
	return r;
}

char *vzr_manifest_text(const struct vzr_manifest *m, char out[VZR_MANIFEST_TEXT])
{
	snprintf(out, VZR_MANIFEST_TEXT,
		 "%" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64 "%016" PRIx64 "%016" PRIx64
		 "%016" PRIx64,
		 m->names, m->bytes, m->xattrs, m->sums[0], m->sums[1], m->sums[2], m->sums[3]);
	return out;
}
