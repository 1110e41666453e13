/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A directory of archives with checksums over file, http or https: SHA256SUMS or one of its kin is
 * the index; where there is none, each archive's own F.sha256 is asked for.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"

#include <string.h>

#define NAME_ROOM 300

static const char *const sums_names[] = { "SHA256SUMS", "SHA512SUMS", "checksums.sha512" };
static const char *const file_suffixes[] = { "sha256", "sha512", "sha256sum", "sha512sum" };
static const char *const signature_suffixes[] = { "asc", "gpg", "sign" };

struct state {
	char *base; /* URL that the index came from; NULL: there is no index */
};

static void done(struct vzr_source *source)
{
	struct state *state = source->state;

	free(state->base);
	free(state);
}

/* Gets index->name and, if the trust needs one, its signature from @base. */
static int get_index(struct vzr_source *source, const char *base, struct vzr_index *index,
		     struct vzr_error *err)
{
	char name[NAME_ROOM + 16];
	int r = vzr_document_get(source, base, index->name, &index->text, err);

	index->fetched = vzr_now();
	if (r < 0 || source->conf.trust != VZR_TRUST_SIGNATURE)
		return r;
	for (size_t i = 0; i < VZR_COUNT(signature_suffixes); i++) {
		snprintf(name, sizeof(name), "%s.%s", index->name, signature_suffixes[i]);
		r = vzr_document_get(source, base, name, &index->signature, err);
		if (r == -VZR_E_LIMIT)
			return vzr_fail(err, -VZR_E_SIGNATURE, "%s/%s is too large for a signature",
					base, name);
		if (r != -VZR_E_NOT_FOUND)
			return r;
	}
	return vzr_fail(err, -VZR_E_SIGNATURE,
			"%s/%s is not signed: there is no %s.asc, .gpg or .sign, and the trust of "
			"the source is signature",
			base, index->name, index->name);
}

/* What an index gave. */
struct found {
	struct vzr_entries entries;
	char *trust;
	int64_t signed_at; /* 0: nobody signed */
};

static void found_done(struct found *found)
{
	vzr_entries_done(&found->entries);
	free(found->trust);
	*found = (struct found){ 0 };
}
#define AUTO_FOUND __attribute__((cleanup(found_done)))

static int verify(struct vzr_source *source, const struct vzr_index *index, const char *subject,
		  struct found *found, struct vzr_error *err)
{
	struct vzr_source_signature job = { .what = index->name,
					    .subject = subject,
					    .signature = &index->signature };
	struct vzr_signed_by by;
	VZR_AUTO_CLOSE int fd = -1;
	int r;

	/* gpgv reads a sealed copy of the very bytes that are parsed afterwards. */
	fd = vzr_sealed_fd(index->name, index->text.data, index->text.len, err);
	if (fd < 0)
		return fd;
	job.data_fd = fd;
	r = vzr_source_verify(source, &job, &by, err);
	if (r < 0)
		return r;
	found->signed_at = by.time;
	found->trust = vzr_signed_text(source, &by);
	return 0;
}

/* Verifies what was fetched or stored, then reads it: nothing is read before. */
static int accept_index(struct vzr_source *source, const struct vzr_index *index,
			const struct vzr_sums_request *request, const char *subject,
			struct found *found, struct vzr_error *err)
{
	struct vzr_sums_info info = { 0 };
	char date[VZR_TIME_TEXT];
	int r = 0;

	if (source->conf.trust == VZR_TRUST_SIGNATURE)
		r = verify(source, index, subject, found, err);
	else
		found->trust = vzr_unsigned_text(source, index->base);
	if (r == 0 && !found->trust)
		r = vzr_fail_code(err, -ENOMEM, "cannot read %s", index->name);
	if (r == 0)
		r = vzr_sums_parse(request, vzr_buf_cstr(&index->text), index->text.len,
				   &found->entries, &info, err);
	if (r == 0 && info.best_before && vzr_now() >= info.best_before)
		r = vzr_fail(err, -VZR_E_NOT_TRUSTED,
			     "%s of %s expired on %s: the publisher or a mirror serves old data, "
			     "or "
			     "the system clock is wrong",
			     index->name, index->base, vzr_time_text(info.best_before, date));
	return r < 0 ? vzr_wrap(err, r, "%s", index->base) : 0;
}

/* The first index of @base. -VZR_E_NOT_FOUND if it has none. */
static int try_base(struct vzr_source *source, const char *base, struct vzr_index *ret_index,
		    struct found *found, struct vzr_error *err)
{
	for (size_t i = 0; i < VZR_COUNT(sums_names); i++) {
		VZR_AUTO_INDEX struct vzr_index index = { .text.max = VZR_SUMS_MAX,
							  .signature.max = VZR_SIGNATURE_MAX };
		struct vzr_sums_request request = { .file = sums_names[i],
						    .suffixes = &source->conf.suffixes };
		int r = vzr_set_text(&index.name, "%s", sums_names[i]);

		if (r == 0)
			r = vzr_set_text(&index.base, "%s", base);
		if (r == 0)
			r = get_index(source, base, &index, err);
		if (r == -VZR_E_NOT_FOUND)
			continue;
		if (r == 0)
			r = accept_index(source, &index, &request, "", found, err);
		if (r < 0)
			return r;
		*ret_index = index;
		index = (struct vzr_index){ 0 };
		return 0;
	}
	return vzr_fail(err, -VZR_E_NOT_FOUND, "%s has no SHA256SUMS", base);
}

/* Of two failures the one to report: refused before offline before not there. */
static int weight(int code)
{
	if (code == 0)
		return -1;
	if (code == -VZR_E_NOT_FOUND)
		return 0;
	return vzr_is_offline(code) ? 1 : 2;
}

static int try_all(struct vzr_source *source, struct vzr_index *index, struct found *found,
		   struct vzr_error *err)
{
	const struct vzr_list *urls = &source->conf.urls;
	int worst = 0;

	for (size_t i = 0; i < urls->count; i++) {
		struct vzr_error why = VZR_ERROR_INIT;
		int r;

		found_done(found);
		r = try_base(source, urls->items[i], index, found, &why);
		if (r == 0 || r == -VZR_E_CANCELLED) {
			if (err)
				*err = why;
			return r;
		}
		if (i + 1 < urls->count)
			vzr_warn(source->options->ctx, "source %s: %s; trying the next mirror",
				 source->conf.name, why.msg);
		if (weight(r) > weight(worst)) {
			worst = r;
			if (err)
				*err = why;
		}
	}
	return worst;
}

static int use_stored(struct vzr_source *source, struct vzr_index *index, struct found *found,
		      const struct vzr_error *why)
{
	struct vzr_sums_request request = { .suffixes = &source->conf.suffixes };
	int r = vzr_index_load(source, "", index, NULL);

	if (r < 0)
		return r;
	found_done(found);
	request.file = index->name;
	r = accept_index(source, index, &request, "", found, NULL);
	if (r == 0)
		vzr_warn_stored(source, index->fetched, why);
	return r;
}

/* Keeps a fresh index, and when it was signed. */
static int remember(struct vzr_source *source, const struct vzr_index *index,
		    const struct found *found, struct vzr_error *err)
{
	int r = found->signed_at ? vzr_source_seen(source, "", found->signed_at, err) : 0;

	return r < 0 ? r : vzr_index_save(source, "", index, err);
}

static int load(struct vzr_source *source, struct vzr_error *err)
{
	VZR_AUTO_INDEX struct vzr_index index = { 0 };
	AUTO_FOUND struct found found = { 0 };
	struct vzr_error why = VZR_ERROR_INIT;
	struct state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return vzr_fail_code(err, -ENOMEM, "cannot read the index");
	source->state = state;
	r = try_all(source, &index, &found, &why);
	if (r == 0)
		r = remember(source, &index, &found, &why);
	else if (vzr_is_offline(r) && use_stored(source, &index, &found, &why) == 0)
		r = 0;
	if (r == -VZR_E_NOT_FOUND) {
		vzr_debug(source->options->ctx, "source %s: %s; single files are asked for",
			  source->conf.name, why.msg);
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	state->base = vzr_take_ptr(index.base);
	source->entries = found.entries;
	source->trust = vzr_take_ptr(found.trust);
	found.entries = (struct vzr_entries){ 0 };
	return 0;
}

/* ---- names without an index ---- */

/* Fills @artefact from the checksum file @sums that is about @file alone. */
static int from_sums(struct vzr_source *source, const char *base, const char *file,
		     const char *sums, struct vzr_artefact *artefact, struct vzr_error *err)
{
	VZR_AUTO_INDEX struct vzr_index index = { .text.max = VZR_SUMS_MAX,
						  .signature.max = VZR_SIGNATURE_MAX };
	struct vzr_sums_request request = { .file = sums,
					    .single = file,
					    .suffixes = &source->conf.suffixes };
	AUTO_FOUND struct found found = { 0 };
	int r = vzr_set_text(&index.name, "%s", sums);

	if (r == 0)
		r = vzr_set_text(&index.base, "%s", base);
	if (r == 0)
		r = get_index(source, base, &index, err);
	if (r == 0)
		r = accept_index(source, &index, &request, artefact->name, &found, err);
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
	const struct state *state = source->state;

	if (!entry && !state->base)
		return find_file(source, artefact, err);
	if (!entry)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "source %s has no template %s",
				source->conf.name, artefact->name);
	artefact->has_digest = true;
	artefact->digest = entry->digest;
	if (vzr_set_text(&artefact->trust, "%s", source->trust) < 0)
		return vzr_fail_code(err, -ENOMEM, "template %s", artefact->name);
	return vzr_artefact_set_urls(artefact, entry->file, &source->conf.urls, state->base, err);
}

const struct vzr_source_ops vzr_source_directory = {
	.name = "directory",
	.summary = "a directory of archives with checksums, over file, http or https",
	.needs_url = true,
	.arch_names = VZR_ARCH_DEBIAN,
	.load = load,
	.describe = describe,
	.fetch = vzr_payload_get,
	.done = done,
};
