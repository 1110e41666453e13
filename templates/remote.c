/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kinds of sources that ask servers share. */
#include "templates/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"

#include <string.h>

#define HOUR 3600
#define DAY 86400

int vzr_document_get(struct vzr_source *source, const char *base, const char *name,
		     struct vzr_buf *buf, struct vzr_error *err)
{
	VZR_AUTO_FREE char *url = vzr_url_join(base, name);
	int r;

	if (!url)
		return vzr_fail_code(err, -ENOMEM, "cannot ask for %s", name);
	r = vzr_source_check_url(source, url, err);
	return r < 0 ? r : vzr_fetch_memory(source->options->fetcher, url, buf, err);
}

int vzr_document_exists(struct vzr_source *source, const char *base, const char *name,
			struct vzr_error *err)
{
	/* More than one byte is as good an answer as the file. */
	VZR_AUTO_BUF struct vzr_buf buf = { .max = 1 };
	int r = vzr_document_get(source, base, name, &buf, err);

	if (r == -VZR_E_NOT_FOUND)
		return 0;
	return r == 0 || r == -VZR_E_LIMIT ? 1 : r;
}

bool vzr_is_offline(int code)
{
	return code == -VZR_E_NETWORK || code == -ETIMEDOUT;
}

void vzr_warn_stored(struct vzr_source *source, int64_t fetched, const struct vzr_error *why)
{
	int64_t age = vzr_now() - fetched;
	bool days = age >= 2 * DAY;

	vzr_warn(source->options->ctx, "source %s: using the index stored %lld %s ago: %s",
		 source->conf.name, (long long)(age < 0 ? 0 : age / (days ? DAY : HOUR)),
		 days ? "days" : "hours", why->msg);
}

char *vzr_unsigned_text(const struct vzr_source *source, const char *base)
{
	const char *file = source->conf.file ? source->conf.file : source->conf.name;
	char *text = NULL;
	int n = -1;

	switch (source->conf.trust) {
	case VZR_TRUST_CHECKSUM:
		n = asprintf(&text, "unsigned checksum from %s (trust=checksum in %s)", base, file);
		break;
	case VZR_TRUST_TLS:
		n = asprintf(&text, "whatever %s serves over TLS (trust=tls in %s)", base, file);
		break;
	case VZR_TRUST_NONE:
		n = asprintf(&text, VZR_NONE_MARK " in %s: nothing proves these bytes genuine",
			     file);
		break;
	case VZR_TRUST_SIGNATURE:
		n = asprintf(&text,
			     "only with a signature by a pinned key of source %s, checked when it "
			     "is "
			     "fetched",
			     source->conf.name);
		break;
	}
	return n < 0 ? NULL : text;
}

static int add_url(struct vzr_list *urls, const char *base, const char *file)
{
	char *url = vzr_url_join(base, file);
	int r = url ? vzr_list_add(urls, url) : -ENOMEM;

	if (r < 0)
		free(url);
	return r;
}

int vzr_artefact_set_urls(struct vzr_artefact *artefact, const char *file,
			  const struct vzr_list *bases, const char *first, struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list urls = { 0 };
	int r = first ? add_url(&urls, first, file) : 0;

	for (size_t i = 0; i < bases->count && r == 0; i++)
		if (!first || strcmp(first, bases->items[i]) != 0)
			r = add_url(&urls, bases->items[i], file);
	if (r == 0)
		r = vzr_set_text(&artefact->location, "%s", (const char *)urls.items[0]);
	if (r < 0)
		return vzr_fail_code(err, r, "template %s", artefact->name);
	for (size_t i = 0; i < artefact->n_urls; i++)
		free(artefact->urls[i]);
	free(artefact->urls);
	artefact->urls = (char **)urls.items;
	artefact->n_urls = urls.count;
	urls = (struct vzr_list){ 0 };
	return 0;
}

int vzr_payload_get(struct vzr_source *source, const struct vzr_artefact *artefact,
		    struct vzr_intake *intake, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	struct vzr_fetch_job job = {
		.urls = (const char *const *)artefact->urls,
		.n_urls = artefact->n_urls,
		.terms = { .digest = artefact->has_digest ? &artefact->digest : NULL,
			   .size_bytes = artefact->size_bytes,
			   .verify = vzr_intake_verify,
			   .verify_data = intake,
			   .tap = source->options->tap },
		.label = artefact->name,
	};

	for (size_t i = 0; i < artefact->n_urls; i++) {
		int r = vzr_source_check_url(source, artefact->urls[i], err);

		if (r < 0)
			return r;
	}
	return vzr_fetch_blob(source->options->fetcher, source->options->store, &job, ret_sha256,
			      err);
}
