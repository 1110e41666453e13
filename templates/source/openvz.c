/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * OpenVZ's tree of precreated templates: .listing names them, NAME.SUFFIX.asc signs each archive.
 * The listing is unsigned, so names are all that is taken from it.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"

#include <string.h>

#define LISTING ".listing"
#define NAME_ROOM 300
#define CONF_MAX (64u << 10)

/* One directory of the tree with its mirrors. */
struct repository {
	struct vzr_list urls;
	bool unlisted; /* it has no .listing: names are asked for one by one */
};

struct state {
	struct repository *repositories;
	size_t count;
	struct vzr_list suffixes;
};

static void done(struct vzr_source *source)
{
	struct state *state = source->state;

	for (size_t i = 0; i < state->count; i++)
		vzr_list_done(&state->repositories[i].urls, free);
	free(state->repositories);
	vzr_list_done(&state->suffixes, free);
	free(state);
}

/* ---- which repositories ---- */

static int add_repository(struct state *state, const char *url)
{
	struct repository *more =
		reallocarray(state->repositories, state->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	state->repositories = more;
	more[state->count++] = (struct repository){ 0 };
	return url ? vzr_list_add_text(&more[state->count - 1].urls, url) : 0;
}

/* url= are mirrors of the main repository; repositories= stand below each of them. */
static int from_source_file(const struct vzr_source_conf *conf, struct state *state)
{
	int r = 0;

	for (size_t i = 0; i <= conf->repositories.count && r == 0; i++) {
		struct vzr_list *urls;

		r = add_repository(state, NULL);
		if (r < 0)
			break;
		urls = &state->repositories[i].urls;
		for (size_t j = 0; j < conf->urls.count && r == 0; j++)
			r = vzr_list_printf(urls, "%s%s%s", (const char *)conf->urls.items[j],
					    i ? "/" : "",
					    i ? (const char *)conf->repositories.items[i - 1] : "");
	}
	return r;
}

static int copy_texts(const struct vzr_list *from, struct vzr_list *to)
{
	int r = 0;

	for (size_t i = 0; i < from->count && r == 0; i++)
		r = vzr_list_add_text(to, from->items[i]);
	return r;
}

static int use_download_conf(struct vzr_source *source, struct state *state,
			     const struct vzr_download_conf *conf, struct vzr_error *err)
{
	int r = 0;

	for (size_t i = 0; i < conf->repositories.count; i++) {
		const char *url = conf->repositories.items[i];

		if (!vzr_url_ok(url) || strpbrk(url, "?#"))
			return vzr_fail(err, -VZR_E_CONFIG,
					"%s: '%s' is not an http, https or file URL",
					source->options->download_conf, url);
		r = add_repository(state, url);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = copy_texts(&conf->suffixes, &state->suffixes);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot read %s", source->options->download_conf);
	if (conf->unchecked && source->conf.trust == VZR_TRUST_SIGNATURE)
		vzr_warn(source->options->ctx,
			 "source %s: %s says CHECK_TEMPLATE_SIG=no; signatures are checked all the "
			 "same (trust=none in %s would be the way to do without)",
			 source->conf.name, source->options->download_conf, source->conf.file);
	return 0;
}

static int read_download_conf(struct vzr_source *source, struct state *state, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = CONF_MAX };
	struct vzr_download_conf conf = { 0 };
	int r;

	if (!source->conf.download_conf || !source->options->download_conf)
		return 0;
	r = vzr_trusted_read(source->options->root_fd, source->options->download_conf, &buf, err);
	if (r == -VZR_E_NOT_FOUND)
		return 0;
	if (r == 0)
		r = vzr_download_conf_parse(vzr_buf_cstr(&buf), buf.len, &conf, err);
	if (r < 0)
		return vzr_wrap(err, r, "%s", source->options->download_conf);
	r = use_download_conf(source, state, &conf, err);
	vzr_download_conf_done(&conf);
	return r;
}

/* ---- what they offer ---- */

static int get_listing(struct vzr_source *source, const struct repository *repository,
		       struct vzr_index *index, struct vzr_error *err)
{
	int r = -VZR_E_NOT_FOUND;

	for (size_t i = 0; i < repository->urls.count; i++) {
		const char *base = repository->urls.items[i];

		vzr_buf_done(&index->text);
		r = vzr_document_get(source, base, LISTING, &index->text, err);
		if (r == 0) {
			index->fetched = vzr_now();
			r = vzr_set_text(&index->base, "%s", base);
			return r < 0 ? vzr_fail_code(err, r, "cannot read %s", base) : 0;
		}
		if (r == -VZR_E_CANCELLED || r == -VZR_E_NOT_TRUSTED)
			break;
	}
	return r;
}

static int load_repository(struct vzr_source *source, unsigned int number, struct vzr_error *err)
{
	const struct state *state = source->state;
	struct repository *repository = &state->repositories[number];
	VZR_AUTO_INDEX struct vzr_index index = { .text.max = VZR_SUMS_MAX };
	struct vzr_error why = VZR_ERROR_INIT;
	bool stored = false;
	char part[16];
	int r = vzr_set_text(&index.name, LISTING);

	if (r < 0)
		return vzr_fail_code(err, r, "cannot read the listing");
	snprintf(part, sizeof(part), "%u", number);
	r = get_listing(source, repository, &index, &why);
	if (r == -VZR_E_NOT_FOUND) {
		repository->unlisted = true;
		return 0;
	}
	if (vzr_is_offline(r)) {
		VZR_AUTO_INDEX struct vzr_index old = { 0 };

		if (vzr_index_load(source, part, &old, NULL) == 0) {
			vzr_index_done(&index);
			index = old;
			old = (struct vzr_index){ 0 };
			stored = true;
			r = 0;
		}
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	r = vzr_listing_parse(vzr_buf_cstr(&index.text), index.text.len, number, &source->entries,
			      err);
	if (r < 0)
		return vzr_wrap(err, r, "%s", index.base);
	if (!stored)
		return vzr_index_save(source, part, &index, err);
	vzr_warn_stored(source, index.fetched, &why);
	return 0;
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	struct state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return vzr_fail_code(err, -ENOMEM, "cannot read the listing");
	source->state = state;
	r = read_download_conf(source, state, err);
	if (r < 0)
		return r;
	if (state->count == 0)
		r = from_source_file(&source->conf, state);
	if (r == 0 && state->suffixes.count == 0)
		r = copy_texts(&source->conf.suffixes, &state->suffixes);
	if (r < 0)
		return vzr_fail_code(err, r, "cannot read source %s", source->conf.name);
	source->trust = vzr_unsigned_text(source, state->repositories[0].urls.items[0]);
	if (!source->trust)
		return vzr_fail_code(err, -ENOMEM, "cannot read source %s", source->conf.name);
	for (size_t i = 0; i < state->count && r == 0; i++)
		r = load_repository(source, (unsigned int)i, err);
	return r;
}

/* ---- one of them ---- */

/* The file whose existence tells that @repository has the archive: its signature if it needs one.
 */
static void proof_name(const struct vzr_source *source, const char *name, const char *suffix,
		       char out[NAME_ROOM])
{
	snprintf(out, NAME_ROOM, "%s.%s%s", name, suffix,
		 source->conf.trust == VZR_TRUST_SIGNATURE ? ".asc" : "");
}

/* 1 if @repository has @name with @suffix, 0, or < 0. */
static int has_archive(struct vzr_source *source, const struct repository *repository,
		       const char *name, const char *suffix, struct vzr_error *err)
{
	char proof[NAME_ROOM];
	int r = 0;

	proof_name(source, name, suffix, proof);
	for (size_t i = 0; i < repository->urls.count && r == 0; i++)
		r = vzr_document_exists(source, repository->urls.items[i], proof, err);
	return r;
}

static int find_unlisted(struct vzr_source *source, const char *name,
			 const struct repository **ret_repository, const char **ret_suffix,
			 struct vzr_error *err)
{
	const struct state *state = source->state;

	for (size_t i = 0; i < state->count; i++)
		for (size_t j = 0; j < state->suffixes.count; j++) {
			const struct repository *repository = &state->repositories[i];
			const char *suffix = state->suffixes.items[j];
			int r = repository->unlisted
					? has_archive(source, repository, name, suffix, err)
					: 0;

			if (r < 0)
				return r;
			if (r == 0)
				continue;
			*ret_repository = repository;
			*ret_suffix = suffix;
			return 0;
		}
	return vzr_fail(err, -VZR_E_NOT_FOUND, "source %s has no template %s", source->conf.name,
			name);
}

static int describe(struct vzr_source *source, const struct vzr_entry *entry,
		    struct vzr_artefact *artefact, struct vzr_error *err)
{
	const struct state *state = source->state;
	const struct repository *repository;
	const char *suffix = state->suffixes.items[0];
	char file[NAME_ROOM];
	int r;

	if (entry) {
		repository = &state->repositories[entry->repository];
	} else {
		r = find_unlisted(source, artefact->name, &repository, &suffix, err);
		if (r < 0)
			return r;
	}
	if (vzr_set_text(&artefact->trust, "%s", source->trust) < 0)
		return vzr_fail_code(err, -ENOMEM, "template %s", artefact->name);
	snprintf(file, sizeof(file), "%s.%s", artefact->name, suffix);
	return vzr_artefact_set_urls(artefact, file, &repository->urls, NULL, err);
}

/* ---- its bytes ---- */

struct payload {
	struct vzr_source *source;
	const char *name;
	char file[NAME_ROOM];
	struct vzr_buf signature;
	bool has_signature; /* one was found, for any of the suffixes */
	struct vzr_signed_by by;
};

static int verify_payload(void *data, int fd, uint64_t size_bytes, struct vzr_error *err)
{
	struct payload *payload = data;
	struct vzr_source_signature job = { .what = payload->file,
					    .subject = payload->name,
					    .data_fd = fd,
					    .signature = &payload->signature };

	(void)size_bytes;
	return vzr_source_verify(payload->source, &job, &payload->by, err);
}

static int get_signature(struct payload *payload, const struct repository *repository,
			 struct vzr_error *err)
{
	char name[NAME_ROOM + 4];
	int r = -VZR_E_NOT_FOUND;

	snprintf(name, sizeof(name), "%s.asc", payload->file);
	for (size_t i = 0; i < repository->urls.count && r < 0; i++) {
		vzr_buf_done(&payload->signature);
		r = vzr_document_get(payload->source, repository->urls.items[i], name,
				     &payload->signature, err);
		if (r == -VZR_E_CANCELLED)
			break;
		if (r == -VZR_E_LIMIT)
			return vzr_fail(err, -VZR_E_SIGNATURE, "%s is too large for a signature",
					name);
	}
	return r;
}

/* Tries @payload->file of @repository. -VZR_E_NOT_FOUND if it is not there. */
static int fetch_file(struct payload *payload, const struct repository *repository,
		      struct vzr_intake *intake, struct vzr_digest *ret_sha256,
		      struct vzr_error *err)
{
	struct vzr_source *source = payload->source;
	bool is_signed = source->conf.trust == VZR_TRUST_SIGNATURE;
	struct vzr_artefact one = { .name = intake->record->name };
	int r = is_signed ? get_signature(payload, repository, err) : 0;

	payload->has_signature |= is_signed && r == 0;
	if (r == 0)
		r = vzr_artefact_set_urls(&one, payload->file, &repository->urls, NULL, err);
	if (r == 0) {
		intake->verify = is_signed ? verify_payload : NULL;
		intake->verify_data = payload;
		r = vzr_payload_get(source, &one, intake, ret_sha256, err);
	}
	if (r >= 0 && vzr_set_text(&intake->record->location, "%s", one.location) < 0)
		r = vzr_fail_code(err, -ENOMEM, "template %s", payload->name);
	if (r >= 0 && is_signed) {
		char *trust = vzr_signed_text(source, &payload->by);
		int noted = vzr_source_seen(source, payload->name, payload->by.time, err);

		free(intake->record->trust);
		intake->record->trust = trust;
		r = noted < 0 ? noted : r;
	}
	free(one.location);
	for (size_t i = 0; i < one.n_urls; i++)
		free(one.urls[i]);
	free(one.urls);
	return r;
}

static int fetch(struct vzr_source *source, const struct vzr_artefact *artefact,
		 struct vzr_intake *intake, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	const struct state *state;
	const struct repository *repository;
	const struct vzr_entry *entry;
	const char *suffix = NULL;
	struct payload payload = { .source = source,
				   .name = artefact->name,
				   .signature.max = VZR_SIGNATURE_MAX };
	int r = vzr_source_load(source, err);

	if (r < 0)
		return r;
	state = source->state;
	entry = vzr_entries_find(&source->entries, artefact->name);
	if (entry)
		repository = &state->repositories[entry->repository];
	else
		r = find_unlisted(source, artefact->name, &repository, &suffix, err);
	if (r < 0)
		return r;
	r = -VZR_E_NOT_FOUND;
	for (size_t i = 0; i < state->suffixes.count && r == -VZR_E_NOT_FOUND; i++) {
		if (suffix && strcmp(suffix, state->suffixes.items[i]) != 0)
			continue;
		snprintf(payload.file, sizeof(payload.file), "%s.%s", artefact->name,
			 (const char *)state->suffixes.items[i]);
		r = fetch_file(&payload, repository, intake, ret_sha256, err);
	}
	vzr_buf_done(&payload.signature);
	if (r == -VZR_E_NOT_FOUND && source->conf.trust == VZR_TRUST_SIGNATURE &&
	    !payload.has_signature)
		return vzr_fail(err, -VZR_E_SIGNATURE,
				"template %s of source %s has no signature %s.SUFFIX.asc, and the "
				"trust of the source is signature",
				artefact->name, source->conf.name, artefact->name);
	return r;
}

static int check(const struct vzr_source_conf *conf, struct vzr_error *err)
{
	if (conf->trust == VZR_TRUST_CHECKSUM)
		return vzr_fail(err, -VZR_E_CONFIG,
				"trust=checksum is not for kind openvz: its trees have no "
				"checksums, "
				"each archive has a signature");
	return 0;
}

const struct vzr_source_ops vzr_source_openvz = {
	.name = "openvz",
	.summary = "OpenVZ's tree of precreated templates, over file, http or https",
	.needs_url = true,
	.arch_names = VZR_ARCH_OPENVZ,
	.suffixes = "tar.gz tar.xz tar.bz2 tar.zst tar.lz4 tar",
	.check = check,
	.load = load,
	.describe = describe,
	.fetch = fetch,
	.done = done,
};
