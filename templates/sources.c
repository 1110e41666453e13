/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources of a catalogue: the files of sources.d, and the two that need no file. */
#include "templates/internal.h"

#include "backends.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <fcntl.h>
#include <string.h>

#define CONF_MAX (64u << 10)
#define CONF_SUFFIX ".conf"

#define DECLARE(name) extern const struct vzr_source_ops vzr_source_##name;
VZR_SOURCE_BACKENDS(DECLARE)
#undef DECLARE

static const struct vzr_source_ops *const kinds[] = {
#define ENTRY(name) &vzr_source_##name,
	VZR_SOURCE_BACKENDS(ENTRY)
#undef ENTRY
};

/* Sources without a file; one of the same name in sources.d takes its place. */
static const struct {
	const char *name;
	const char *kind;
	uint64_t priority;
} built_in[] = { { "host", "openvz-cache", 10 }, { "busybox", "busybox", 20 } };

const struct vzr_source_ops *vzr_source_kind_find(const char *name)
{
	for (size_t i = 0; i < VZR_COUNT(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

bool vzr_source_kind(size_t index, const char **ret_name, const char **ret_summary)
{
	if (index >= VZR_COUNT(kinds))
		return false;
	*ret_name = kinds[index]->name;
	*ret_summary = kinds[index]->summary;
	return true;
}

char *vzr_source_kind_names(char *out, size_t size)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < VZR_COUNT(kinds) && at < size; i++) {
		int n = snprintf(out + at, size - at, "%s%s", i ? ", " : "", kinds[i]->name);

		at += n < 0 ? size : (size_t)n;
	}
	return out;
}

bool vzr_trusted_stat(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int vzr_trusted_read(int root_fd, const char *path, struct vzr_buf *buf, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd =
		vzr_open_in_root(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	int r;

	if (fd == -ENOENT)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "there is no file %s", path);
	if (fd < 0)
		return vzr_fail_code(err, fd, "cannot open %s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return vzr_fail(err, -VZR_E_CONFIG, "%s is not a regular file", path);
	if (!vzr_trusted_stat(&st))
		return vzr_fail(err, -VZR_E_CONFIG,
				"%s can be changed by others than root: run chown root %s && "
				"chmod go-w %s",
				path, path, path);
	r = vzr_fd_read(fd, buf, err);
	return r < 0 ? vzr_wrap(err, r, "%s", path) : 0;
}

void vzr_source_destroy(struct vzr_source *source)
{
	if (!source)
		return;
	if (source->ops && source->ops->done && source->state)
		source->ops->done(source);
	vzr_source_conf_done(&source->conf);
	vzr_entries_done(&source->entries);
	free(source->trust);
	free(source->base);
	free(source);
}

int vzr_source_create(const struct vzr_catalogue_options *options, struct vzr_source_conf *conf,
		      struct vzr_source **ret_source, struct vzr_error *err)
{
	struct vzr_source *source = calloc(1, sizeof(*source));

	if (!source)
		return vzr_fail_code(err, -ENOMEM, "cannot make source %s", conf->name);
	source->options = options;
	source->ops = vzr_source_kind_find(conf->kind);
	source->conf = *conf;
	*conf = (struct vzr_source_conf){ 0 };
	*ret_source = source;
	return 0;
}

int vzr_source_check_url(const struct vzr_source *source, const char *url, struct vzr_error *err)
{
	const struct vzr_source_conf *conf = &source->conf;

	if (conf->trust == VZR_TRUST_CHECKSUM && strncmp(url, "http://", 7) == 0)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"unsigned checksums over plain http prove nothing: use https or a "
				"signature for %s, or say trust=none in %s",
				url, conf->file);
	if (conf->trust == VZR_TRUST_TLS && strncmp(url, "https://", 8) != 0)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"trust=tls in %s needs https, which %s is not", conf->file, url);
	return 0;
}

static int check_pins(const struct vzr_source *source, struct vzr_error *err)
{
	const struct vzr_source_conf *conf = &source->conf;

	if (source->ops->local || conf->trust != VZR_TRUST_SIGNATURE)
		return 0;
	if (!conf->keyring || conf->fingerprints.count == 0)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"no %s is set in %s: get the publisher's key by a way that you "
				"trust "
				"and name it there",
				conf->keyring ? "fingerprints=" : "keyring=", conf->file);
	return 0;
}

int vzr_source_load(struct vzr_source *source, struct vzr_error *err)
{
	if (!source->loaded) {
		struct vzr_error *load_error = &source->load_error;
		int r = check_pins(source, load_error);

		for (size_t i = 0; i < source->conf.urls.count && r == 0; i++)
			r = vzr_source_check_url(source, source->conf.urls.items[i], load_error);
		if (r == 0)
			r = source->ops->load(source, load_error);
		if (r == 0)
			vzr_entries_sort(&source->entries);
		else
			vzr_entries_done(&source->entries);
		/* An interrupted load says nothing about the source. */
		source->loaded = r != -VZR_E_CANCELLED;
		source->load_code =
			r < 0 ? vzr_wrap(load_error, r, "source %s", source->conf.name) : 0;
	}
	if (source->load_code < 0 && err)
		*err = source->load_error;
	return source->load_code;
}

/* ---- all of them ---- */

struct sources {
	const struct vzr_catalogue_options *options;
	struct vzr_list list; /* of struct vzr_source */
};

static void free_source(void *source)
{
	vzr_source_destroy(source);
}

static void sources_done(struct sources *sources)
{
	vzr_list_done(&sources->list, free_source);
}

static bool have(const struct sources *sources, const char *name)
{
	for (size_t i = 0; i < sources->list.count; i++) {
		const struct vzr_source *source = sources->list.items[i];

		if (strcmp(source->conf.name, name) == 0)
			return true;
	}
	return false;
}

static int add_source(struct sources *sources, struct vzr_source_conf *conf, struct vzr_error *err)
{
	struct vzr_source *source;
	int r = vzr_source_create(sources->options, conf, &source, err);

	if (r < 0)
		return r;
	r = vzr_list_add(&sources->list, source);
	if (r < 0) {
		vzr_source_destroy(source);
		return vzr_fail_code(err, r, "cannot read the sources");
	}
	return 0;
}

static int add_file(struct sources *sources, const char *file_name, struct vzr_error *err)
{
	VZR_AUTO_SOURCE_CONF struct vzr_source_conf conf = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { .max = CONF_MAX };
	VZR_AUTO_FREE char *path = vzr_path_join(sources->options->sources_dir, file_name);
	VZR_AUTO_FREE char *name = strndup(file_name, strlen(file_name) - strlen(CONF_SUFFIX));
	int r;

	if (!path || !name)
		return vzr_fail_code(err, -ENOMEM, "cannot read source %s", file_name);
	r = vzr_name_check("source name", name, err);
	if (r == 0 && strchr(name, ':'))
		r = vzr_fail(err, -VZR_E_CONFIG, "the name of a source has no ':'");
	if (r < 0 && err)
		err->code = -VZR_E_CONFIG;
	if (r < 0)
		return vzr_wrap(err, -VZR_E_CONFIG, "%s", path);
	r = vzr_trusted_read(sources->options->root_fd, path, &buf, err);
	if (r == 0)
		r = vzr_source_conf_parse(name, path, vzr_buf_cstr(&buf), buf.len, &conf, err);
	return r < 0 ? r : add_source(sources, &conf, err);
}

static bool is_conf(const char *name)
{
	size_t n = strlen(name);

	return name[0] != '.' && n > strlen(CONF_SUFFIX) &&
	       strcmp(name + n - strlen(CONF_SUFFIX), CONF_SUFFIX) == 0;
}

static int read_directory(struct sources *sources, struct vzr_error *err)
{
	const struct vzr_catalogue_options *options = sources->options;
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *entry;
	struct stat st;
	int fd;

	if (!options->sources_dir)
		return 0;
	fd = vzr_open_in_root(options->root_fd, options->sources_dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return 0;
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		int r = fd >= 0 ? -errno : fd;

		vzr_closep(&fd);
		return vzr_fail_code(err, r, "cannot read %s", options->sources_dir);
	}
	if (fstat(fd, &st) < 0 || !vzr_trusted_stat(&st))
		return vzr_fail(err, -VZR_E_CONFIG,
				"%s can be changed by others than root: run chown root %s && "
				"chmod go-w %s",
				options->sources_dir, options->sources_dir, options->sources_dir);
	while ((entry = readdir(dir))) {
		int r = is_conf(entry->d_name) ? add_file(sources, entry->d_name, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_built_in(struct sources *sources, struct vzr_error *err)
{
	for (size_t i = 0; i < VZR_COUNT(built_in); i++) {
		VZR_AUTO_SOURCE_CONF struct vzr_source_conf conf = { .enabled = true,
								     .priority =
									     built_in[i].priority };
		const struct vzr_source_ops *ops = vzr_source_kind_find(built_in[i].kind);
		int r;

		if (!ops || have(sources, built_in[i].name))
			continue;
		conf.arch_names = ops->arch_names;
		conf.name = strdup(built_in[i].name);
		conf.kind = strdup(built_in[i].kind);
		if (!conf.name || !conf.kind)
			return vzr_fail_code(err, -ENOMEM, "cannot read the sources");
		r = add_source(sources, &conf, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_sources(const void *a, const void *b)
{
	const struct vzr_source *x = *(struct vzr_source *const *)a;
	const struct vzr_source *y = *(struct vzr_source *const *)b;

	if (x->conf.priority != y->conf.priority)
		return x->conf.priority < y->conf.priority ? -1 : 1;
	return strcmp(x->conf.name, y->conf.name);
}

int vzr_sources_read(const struct vzr_catalogue_options *options, struct vzr_source ***ret_sources,
		     size_t *ret_count, struct vzr_error *err)
{
	__attribute__((cleanup(sources_done))) struct sources sources = { .options = options };
	int r = read_directory(&sources, err);

	if (r == 0)
		r = add_built_in(&sources, err);
	if (r < 0)
		return r;
	qsort(sources.list.items, sources.list.count, sizeof(void *), compare_sources);
	*ret_sources = (struct vzr_source **)sources.list.items;
	*ret_count = sources.list.count;
	sources.list = (struct vzr_list){ 0 };
	return 0;
}
