/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The host's own templates: TEMPLATE/cache/NAME.tar*, as vzctl finds them. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <string.h>

#define TRUST "the host's own file, which only root can change"

/* vzctl's order first, then what it does not know. */
static const char *const suffixes[] = {
	"tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "tar.lz4"
};

static int open_cache(const struct vzr_source *source, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = vzr_path_join(source->options->template_dir, "cache");
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot read the host's templates");
	fd = vzr_open_in_root(source->options->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open %s", path);
	if (fstat(fd, &st) < 0)
		return vzr_fail_errno(err, "cannot look at %s", path);
	if (!vzr_trusted_stat(&st))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s can be changed by others than root: run chown root %s && chmod "
				"go-w %s",
				path, path, path);
	return vzr_take_fd(fd);
}

/* A link is followed once, to a file beside it: that is how sites give a template two names. */
static int open_archive(int dir, const char *file, struct stat *ret_st, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = vzr_open_beneath(dir, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	char target[256];

	if (fd == -ELOOP) {
		ssize_t n = readlinkat(dir, file, target, sizeof(target) - 1);

		if (n > 0) {
			target[n] = '\0';
			if (strchr(target, '/'))
				return vzr_fail(err, -VZR_E_NOT_TRUSTED,
						"%s links out of its directory; put the file "
						"itself "
						"there",
						file);
			fd = vzr_open_beneath(dir, target, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		}
	}
	if (fd < 0)
		return fd == -ENOENT ? fd : vzr_fail_code(err, fd, "cannot open %s", file);
	if (fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED, "%s is not a regular file", file);
	if (!vzr_trusted_stat(ret_st))
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s can be changed by others than root: run chown root and chmod "
				"go-w on it",
				file);
	return vzr_take_fd(fd);
}

static int open_template(struct vzr_source *source, const char *file, struct stat *ret_st,
			 struct vzr_error *err)
{
	VZR_AUTO_CLOSE int dir = open_cache(source, err);
	int fd = dir < 0 ? dir : open_archive(dir, file, ret_st, err);

	return fd == -ENOENT ? vzr_fail(err, -VZR_E_NOT_FOUND, "%s/cache/%s is gone",
					source->options->template_dir, file)
			     : fd;
}

static int add_file(struct vzr_source *source, const struct vzr_list *known, const char *file)
{
	struct vzr_entry entry = { 0 };
	int r;

	if (file[0] == '.')
		return 0;
	entry.name = vzr_template_name_of(file, known, &entry.rank);
	if (!entry.name || vzr_name_check("template name", entry.name, NULL) < 0) {
		free(entry.name);
		return 0;
	}
	entry.file = strdup(file);
	r = entry.file ? vzr_entries_add(&source->entries, entry) : -ENOMEM;
	if (r < 0) {
		free(entry.name);
		free(entry.file);
	}
	return r;
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list known = { 0 };
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *entry;
	int fd = open_cache(source, err);
	int r = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	dir = fdopendir(fd);
	if (!dir) {
		vzr_closep(&fd);
		return vzr_fail_code(err, -ENOMEM, "cannot read the host's templates");
	}
	for (size_t i = 0; i < VZR_COUNT(suffixes) && r == 0; i++)
		r = vzr_list_add_text(&known, suffixes[i]);
	while (r == 0 && (entry = readdir(dir)))
		r = add_file(source, &known, entry->d_name);
	if (r == 0)
		r = vzr_set_text(&source->trust, TRUST);
	return r < 0 ? vzr_fail_code(err, r, "cannot read the host's templates") : 0;
}

/* ---- the record of what was hashed: a second use neither copies nor hashes ---- */

/* Digest of the file as it is, if it was hashed before. */
static bool recall(struct vzr_source *source, const char *file, const struct stat *st,
		   struct vzr_digest *ret_digest)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	const char *known, *digest;
	char now[VZR_FILE_IDENTITY];

	if (vzr_memory_read(source, file, &kv, NULL) < 0)
		return false;
	vzr_file_identity(st, now);
	known = vzr_kv_get(&kv, "FILE");
	digest = vzr_kv_get(&kv, "DIGEST");
	return known && digest && strcmp(known, now) == 0 &&
	       vzr_digest_parse(digest, ret_digest, NULL) == 0;
}

static int note(struct vzr_source *source, const char *file, const struct stat *st,
		const struct vzr_digest *digest, struct vzr_error *err)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	char text[VZR_DIGEST_TEXT], now[VZR_FILE_IDENTITY];
	int r;

	vzr_file_identity(st, now);
	r = vzr_kv_set(&kv, "FILE", now, err);
	if (r == 0)
		r = vzr_kv_set(&kv, "DIGEST", vzr_digest_text(digest, text), err);
	return r < 0 ? r : vzr_memory_write(source, file, &kv, err);
}

static int describe(struct vzr_source *source, const struct vzr_entry *entry,
		    struct vzr_artefact *artefact, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;

	if (!entry)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "source %s has no template %s",
				source->conf.name, artefact->name);
	fd = open_template(source, entry->file, &st, err);
	if (fd < 0)
		return fd;
	artefact->size_bytes = (uint64_t)st.st_size;
	artefact->has_digest = recall(source, entry->file, &st, &artefact->digest);
	if (vzr_set_text(&artefact->trust, TRUST) < 0 ||
	    vzr_set_text(&artefact->location, "%s/cache/%s", source->options->template_dir,
			 entry->file) < 0)
		return vzr_fail_code(err, -ENOMEM, "template %s", artefact->name);
	return 0;
}

static int fetch(struct vzr_source *source, const struct vzr_artefact *artefact,
		 struct vzr_intake *intake, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	struct vzr_blob_terms terms = { .verify = vzr_intake_verify, .verify_data = intake };
	const char *file = strrchr(artefact->location, '/') + 1;
	VZR_AUTO_CLOSE int fd = -1;
	struct stat before, after;
	int r;

	fd = open_template(source, file, &before, err);
	if (fd < 0)
		return fd;
	r = vzr_store_blob_add(source->options->store, fd, &terms, ret_sha256, err);
	if (r < 0)
		return vzr_wrap(err, r, "%s", artefact->location);
	/* Written to while it was copied: the copy is good, the record would not be. */
	if (fstat(fd, &after) == 0 && after.st_size == before.st_size &&
	    after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
	    after.st_mtim.tv_nsec == before.st_mtim.tv_nsec) {
		int noted = note(source, file, &after, ret_sha256, err);

		if (noted < 0)
			return noted;
	}
	return r;
}

static bool changed(struct vzr_source *source, const struct vzr_name *name)
{
	const struct vzr_entry *entry;
	struct vzr_digest digest;
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;

	if (vzr_source_load(source, NULL) < 0)
		return false;
	entry = vzr_entries_find(&source->entries, name->name);
	if (!entry)
		return false;
	fd = open_template(source, entry->file, &st, NULL);
	return fd >= 0 && !(recall(source, entry->file, &st, &digest) &&
			    vzr_digest_equal(&digest, &name->digest));
}

const struct vzr_source_ops vzr_source_openvz_cache = {
	.name = "openvz-cache",
	.summary = "the host's own TEMPLATE/cache/NAME.tar*",
	.local = true,
	.arch_names = VZR_ARCH_OPENVZ,
	.load = load,
	.describe = describe,
	.fetch = fetch,
	.changed = changed,
};
