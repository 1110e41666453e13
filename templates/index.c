/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One index document with its signature, from the first mirror that has a good one, or the one
 * stored last: what kinds of sources whose index is one file have in common.
 */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/time.h"

#include <string.h>

#define NAME_ROOM 300
#define UPDATED "index" /* subject in the source's memory: the index' own date */

static const char *const signature_suffixes[] = { "asc", "gpg", "sign" };

/* The document itself, or what is in its compressed form. */
static int get_text(struct vzr_source *source, const struct vzr_index_format *format,
		    const char *base, struct vzr_index *index, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf packed = { .max = format->max_bytes };
	char name[NAME_ROOM + 16];
	int r = -VZR_E_NOT_FOUND;

	snprintf(name, sizeof(name), "%s.gz", index->name);
	if (format->gzipped)
		r = vzr_document_get(source, base, name, &packed, err);
	if (r == -VZR_E_NOT_FOUND)
		return vzr_document_get(source, base, index->name, &index->text, err);
	if (r == 0) {
		r = vzr_gunzip(&packed, &index->text, err);
		if (r < 0)
			r = vzr_wrap(err, r, "%s/%s", base, name);
	}
	return r;
}

/* Gets index->name and, if the trust needs one, its signature from @base. */
static int get_index(struct vzr_source *source, const struct vzr_index_format *format,
		     const char *base, struct vzr_index *index, struct vzr_error *err)
{
	char name[NAME_ROOM + 16];
	int r = get_text(source, format, base, index, err);

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

void vzr_indexed_done(struct vzr_indexed *found)
{
	vzr_entries_done(&found->entries);
	free(found->trust);
	*found = (struct vzr_indexed){ .subject = found->subject, .data = found->data };
}

static int verify(struct vzr_source *source, const struct vzr_index *index,
		  struct vzr_indexed *found, struct vzr_error *err)
{
	struct vzr_source_signature job = { .what = index->name,
					    .subject = found->subject ? found->subject : "",
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

/* Is what was signed or served then still meant to be used? */
static int check_age(const struct vzr_source *source, const struct vzr_index *index,
		     const struct vzr_indexed *found, struct vzr_error *err)
{
	char date[VZR_TIME_TEXT], seen[VZR_TIME_TEXT];
	int64_t newest;
	int r;

	if (found->best_before && vzr_now() >= found->best_before)
		return vzr_fail(err, -VZR_E_NOT_TRUSTED,
				"%s of %s expired on %s: the publisher or a mirror serves old "
				"data, or the system clock is wrong",
				index->name, index->base, vzr_time_text(found->best_before, date));
	if (!found->updated || source->conf.allow_rollback)
		return 0;
	r = vzr_source_newest(source, UPDATED, &newest, err);
	if (r < 0 || found->updated >= newest)
		return r;
	return vzr_fail(err, -VZR_E_NOT_TRUSTED,
			"%s of %s is of %s, but one of %s was seen before: a mirror serves old "
			"data (allow_rollback=\"yes\" in the source file accepts it)",
			index->name, index->base, vzr_time_text(found->updated, date),
			vzr_time_text(newest, seen));
}

/* Verifies what was fetched or stored, then reads it: nothing is read before. */
static int accept_index(struct vzr_source *source, const struct vzr_index_format *format,
			const struct vzr_index *index, struct vzr_indexed *found,
			struct vzr_error *err)
{
	int r = 0;

	if (source->conf.trust == VZR_TRUST_SIGNATURE)
		r = verify(source, index, found, err);
	else
		found->trust = vzr_unsigned_text(source, index->base);
	if (r == 0 && !found->trust)
		r = vzr_fail_code(err, -ENOMEM, "cannot read %s", index->name);
	if (r == 0)
		r = format->parse(source, index, found, err);
	if (r == 0)
		r = check_age(source, index, found, err);
	return r < 0 ? vzr_wrap(err, r, "%s", index->base) : 0;
}

int vzr_indexed_try(struct vzr_source *source, const struct vzr_index_format *format,
		    const char *base, struct vzr_index *ret_index, struct vzr_indexed *found,
		    struct vzr_error *err)
{
	for (size_t i = 0; i < format->n_names; i++) {
		VZR_AUTO_INDEX struct vzr_index index = { .text.max = format->max_bytes,
							  .signature.max = VZR_SIGNATURE_MAX };
		int r = vzr_set_text(&index.name, "%s", format->names[i]);

		if (r == 0)
			r = vzr_set_text(&index.base, "%s", base);
		if (r == 0)
			r = get_index(source, format, base, &index, err);
		if (r == -VZR_E_NOT_FOUND)
			continue;
		if (r == 0)
			r = accept_index(source, format, &index, found, err);
		if (r < 0)
			return r;
		*ret_index = index;
		index = (struct vzr_index){ 0 };
		return 0;
	}
	return vzr_fail(err, -VZR_E_NOT_FOUND, "%s has no %s", base, format->names[0]);
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

static int try_all(struct vzr_source *source, const struct vzr_index_format *format,
		   struct vzr_index *index, struct vzr_indexed *found, struct vzr_error *err)
{
	const struct vzr_list *urls = &source->conf.urls;
	int worst = 0;

	for (size_t i = 0; i < urls->count; i++) {
		struct vzr_error why = VZR_ERROR_INIT;
		int r;

		vzr_indexed_done(found);
		r = vzr_indexed_try(source, format, urls->items[i], index, found, &why);
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

static int use_stored(struct vzr_source *source, const struct vzr_index_format *format,
		      struct vzr_index *index, struct vzr_indexed *found,
		      const struct vzr_error *why)
{
	int r = vzr_index_load(source, "", index, NULL);

	if (r < 0)
		return r;
	vzr_indexed_done(found);
	r = accept_index(source, format, index, found, NULL);
	if (r == 0)
		vzr_warn_stored(source, index->fetched, why);
	return r;
}

/* Keeps a fresh index, when it was signed, and of when it is. */
static int remember(struct vzr_source *source, const struct vzr_index *index,
		    const struct vzr_indexed *found, struct vzr_error *err)
{
	int r = found->signed_at ? vzr_source_seen(source, "", found->signed_at, err) : 0;

	if (r == 0 && found->updated)
		r = vzr_source_seen(source, UPDATED, found->updated, err);
	return r < 0 ? r : vzr_index_save(source, "", index, err);
}

int vzr_indexed_load(struct vzr_source *source, const struct vzr_index_format *format,
		     struct vzr_error *err)
{
	VZR_AUTO_INDEX struct vzr_index index = { 0 };
	VZR_AUTO_INDEXED struct vzr_indexed found = { 0 };
	struct vzr_error why = VZR_ERROR_INIT;
	int r = try_all(source, format, &index, &found, &why);

	if (r == 0)
		r = remember(source, &index, &found, &why);
	else if (vzr_is_offline(r) && use_stored(source, format, &index, &found, &why) == 0)
		r = 0;
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	source->base = vzr_take_ptr(index.base);
	source->entries = found.entries;
	source->trust = vzr_take_ptr(found.trust);
	found.entries = (struct vzr_entries){ 0 };
	return 0;
}

int vzr_indexed_describe(struct vzr_source *source, const struct vzr_entry *entry,
			 struct vzr_artefact *artefact, struct vzr_error *err)
{
	if (!entry)
		return vzr_fail(err, -VZR_E_NOT_FOUND, "source %s has no template %s",
				source->conf.name, artefact->name);
	artefact->has_digest = entry->has_digest;
	artefact->digest = entry->digest;
	artefact->size_bytes = entry->size_bytes;
	if (vzr_set_text(&artefact->trust, "%s", source->trust) < 0)
		return vzr_fail_code(err, -ENOMEM, "template %s", artefact->name);
	return vzr_artefact_set_urls(artefact, entry->file, &source->conf.urls, source->base, err);
}
