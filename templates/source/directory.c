/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of archives with checksums over file, http or https: SHA256SUMS or one of its kin is
 * the index; where there is none, each archive's own F.sha256 is asked for.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"

#include <string.h>

#define NAME_ROOM 300

static const char *const sums_names[] = { "SHA256SUMS", "SHA512SUMS", "checksums.sha512" };
static const char *const file_suffixes[] = { "sha256", "sha512", "sha256sum", "sha512sum" };

/* The struct vzr_index_format of checksum files. */
static int parse(const struct vzr_source *source, const struct vzr_index *index,
		 struct vzr_indexed *found, struct vzr_error *err)
{
	const struct vzr_sums_request request = { .file = index->name,
						  .suffixes = &source->conf.suffixes };
	struct vzr_sums_info info = { 0 };
	int r = vzr_sums_parse(&request, vzr_buf_cstr(&index->text), index->text.len,
			       &found->entries, &info, err);

	found->best_before = info.best_before;
	return r;
}

static const struct vzr_index_format format = { .names = sums_names,
						.n_names = VZR_COUNT(sums_names),
						.max_bytes = VZR_SUMS_MAX,
						.parse = parse };

static int load(struct vzr_source *source, struct vzr_error *err)
{
	struct vzr_error why = VZR_ERROR_INIT;
	int r = vzr_indexed_load(source, &format, &why);

	if (r == -VZR_E_NOT_FOUND) {
		vzr_debug(source->options->ctx, "source %s: %s; single files are asked for",
			  source->conf.name, why.msg);
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return r;
}

/* ---- names without an index ---- */

/* What the checksum file @data is about: that file alone. */
struct single {
	struct vzr_sums_request request;
};

static int parse_single(const struct vzr_source *source, const struct vzr_index *index,
			struct vzr_indexed *found, struct vzr_error *err)
{
	const struct single *single = found->data;
	struct vzr_sums_info info = { 0 };
	int r;

	(void)source;
	r = vzr_sums_parse(&single->request, vzr_buf_cstr(&index->text), index->text.len,
			   &found->entries, &info, err);
	found->best_before = info.best_before;
	return r;
}

/* Fills @artefact from the checksum file @sums that is about @file alone. */
static int from_sums(struct vzr_source *source, const char *base, const char *file,
		     const char *sums, struct vzr_artefact *artefact, struct vzr_error *err)
{
	struct single single = { { .file = sums,
				   .single = file,
				   .suffixes = &source->conf.suffixes } };
	const struct vzr_index_format one = { .names = &sums,
					      .n_names = 1,
					      .max_bytes = VZR_SUMS_MAX,
					      .parse = parse_single };
	VZR_AUTO_INDEXED struct vzr_indexed found = { .subject = artefact->name, .data = &single };
	VZR_AUTO_INDEX struct vzr_index index = { 0 };
	int r = vzr_indexed_try(source, &one, base, &index, &found, err);

	if (r < 0)
		return r;
	if (found.entries.count != 1)
		return vzr_fail(err, -VZR_E_INPUT, "%s/%s says nothing about %s", base, sums, file);
	if (found.signed_at)
		r = vzr_source_seen(source, artefact->name, found.signed_at, err);
	if (r < 0)
		return r;
	artefact->has_digest = true;
	artefact->digest = found.entries.items[0].digest;
	free(artefact->trust);
	artefact->trust = vzr_take_ptr(found.trust);
	return 0;
}

static int try_file(struct vzr_source *source, const char *base, const char *file,
		    struct vzr_artefact *artefact, struct vzr_error *err)
{
	bool digest_needed = source->conf.trust == VZR_TRUST_SIGNATURE ||
			     source->conf.trust == VZR_TRUST_CHECKSUM;
	char sums[NAME_ROOM + 16];
	int r;

	for (size_t i = 0; i < VZR_COUNT(file_suffixes); i++) {
		snprintf(sums, sizeof(sums), "%s.%s", file, file_suffixes[i]);
		r = from_sums(source, base, file, sums, artefact, err);
		if (r != -VZR_E_NOT_FOUND)
			return r;
	}
	r = digest_needed ? 0 : vzr_document_exists(source, base, file, err);
	if (r < 0)
		return r;
	if (r == 0)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "%s has no %s with a checksum", base, file);
	free(artefact->trust);
	artefact->trust = vzr_unsigned_text(source, base);
	return artefact->trust ? 0 : vzr_fail_code(err, -ENOMEM, "template %s", artefact->name);
}

static int find_file(struct vzr_source *source, struct vzr_artefact *artefact,
		     struct vzr_error *err)
{
	const struct vzr_list *urls = &source->conf.urls, *suffixes = &source->conf.suffixes;
	char file[NAME_ROOM];

	for (size_t i = 0; i < urls->count; i++)
		for (size_t j = 0; j < suffixes->count; j++) {
			const char *suffix = suffixes->items[j];
			int r;

			snprintf(file, sizeof(file), "%s.%s", artefact->name, suffix);
			r = try_file(source, urls->items[i], file, artefact, err);
			if (r == 0)
				return vzr_artefact_set_urls(artefact, file, urls, urls->items[i],
							     err);
			if (r != -VZR_E_NOT_FOUND)
				return r;
		}
	return vzr_fail(err, -VZR_E_NOT_FOUND, "source %s has no template %s", source->conf.name,
			artefact->name);
}

static int describe(struct vzr_source *source, const struct vzr_entry *entry,
		    struct vzr_artefact *artefact, struct vzr_error *err)
{
	if (!entry && !source->base)
		return find_file(source, artefact, err);
	return vzr_indexed_describe(source, entry, artefact, err);
}

const struct vzr_source_ops vzr_source_directory = {
	.name = "directory",
	.summary = "a directory of archives with checksums, over file, http or https",
	.needs_url = true,
	.arch_names = VZR_ARCH_DEBIAN,
	.load = load,
	.describe = describe,
	.fetch = vzr_payload_get,
};
