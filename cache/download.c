/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One payload from any of its mirrors: which one next, from which byte, and what its end means. */
#include "cache/exchange.h"
#include "cache/pace.h"
#include "cache/partial.h"
#include "cache/url.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"

#include <fcntl.h>
#include <string.h>

#define PROGRESS_COUNTS_BYTES (1u << 20)

/** One URL of the job. */
struct mirror {
	const char *url;
	bool out;	/**< will not do in this run */
	bool no_ranges; /**< ask it for the whole only */
};

/** A job under way. */
struct download {
	struct vzr_fetcher *fetcher;
	struct vzr_store *store;
	const struct vzr_fetch_job *job;
	struct vzr_partial partial;
	struct mirror *mirrors;
	size_t at;	       /**< index of the next mirror to try */
	unsigned int round;    /**< from 0 */
	unsigned int attempts; /**< that failed */
	unsigned int absent;   /**< of them: not there */
	bool wrong;	       /**< one of them: bytes that are not right */
	bool too_large;	       /**< one of them */
	uint64_t high_water;   /**< most bytes that were ever there */
	uint64_t total;	       /**< for progress; 0: not known */
	const char *url;       /**< of the running exchange */
	struct vzr_error last; /**< why the last attempt failed */
};

/* Is there room for what is missing of @whole bytes? */
static int check_room(struct download *d, uint64_t whole, struct vzr_error *err)
{
	char needs[VZR_SIZE_TEXT], has[VZR_SIZE_TEXT];
	uint64_t free_kib, needs_kib;
	int r;

	if (whole <= d->partial.sink.size_bytes)
		return 0;
	needs_kib = vzr_kib_up(whole - d->partial.sink.size_bytes);
	r = vzr_store_free_space(d->store, &free_kib, err);
	if (r < 0 || needs_kib <= free_kib)
		return r;
	return vzr_fail(err, -VZR_E_NO_SPACE,
			"%s needs %s more, and the file system of the cache %s has %s",
			d->job->label, vzr_kib_text(needs_kib, needs), d->store->path,
			vzr_kib_text(free_kib, has));
}

/* Something has to tell a whole body from one that was cut where the connection ended. */
static bool end_is_known(const struct vzr_blob_terms *terms, const struct vzr_answer *answer)
{
	return answer->has_length || answer->chunked || terms->digest || terms->size_bytes ||
	       terms->verify;
}

static int on_begin(void *data, const struct vzr_answer *answer, struct vzr_error *err)
{
	struct download *d = data;
	bool known = answer->has_length && !answer->chunked;
	int r;

	if (answer->status == 206) {
		d->total = answer->last + 1;
		d->partial.mixed = true;
		return 0;
	}
	if (!end_is_known(&d->job->terms, answer))
		return vzr_fail(err, -VZR_E_NETWORK,
				"the server does not say where the body ends, and no digest can "
				"tell");
	if (d->job->terms.size_bytes)
		d->total = d->job->terms.size_bytes;
	else
		d->total = known ? answer->length : 0;
	r = vzr_partial_begin(&d->partial, d->url, answer, err);
	return r < 0 ? r : check_room(d, d->total, err);
}

static int on_bytes(void *data, const void *bytes, size_t len, struct vzr_error *err)
{
	struct download *d = data;
	int r = vzr_sink_add(&d->partial.sink, bytes, len, err);

	if (r == 0)
		vzr_progress(d->fetcher->ctx, "fetch", d->partial.sink.size_bytes, d->total);
	return r;
}

/* A file below the root: read whole each time, there is nothing to resume. */
static enum vzr_outcome try_file(struct download *d, const char *url)
{
	VZR_AUTO_CLOSE int fd = -1;
	int r = vzr_fetch_open_file(d->fetcher, url, &fd, &d->last);

	if (r < 0)
		return r == -VZR_E_NOT_FOUND ? VZR_OUTCOME_ABSENT : VZR_OUTCOME_USELESS;
	r = vzr_partial_begin(&d->partial, url, NULL, &d->last);
	if (r == 0)
		r = vzr_sink_copy(&d->partial.sink, fd, "fetch", &d->last);
	if (r == 0)
		return VZR_OUTCOME_GOT;
	if (r != -VZR_E_LIMIT && r != -VZR_E_DIGEST)
		return VZR_OUTCOME_FATAL;
	vzr_wrap(&d->last, r, "%s", url);
	return r == -VZR_E_LIMIT ? VZR_OUTCOME_TOO_LARGE : VZR_OUTCOME_WRONG;
}

static enum vzr_outcome try_http(struct download *d, const struct mirror *mirror)
{
	const struct vzr_blob_terms *terms = &d->job->terms;
	struct vzr_exchange x = { .url = mirror->url, .begin = on_begin, .add = on_bytes,
				  .data = d };

	d->url = mirror->url;
	x.asked.size_bytes = terms->size_bytes;
	x.asked.max_bytes = terms->max_bytes ? terms->max_bytes : VZR_BLOB_MAX_BYTES;
	if (!mirror->no_ranges && vzr_partial_fits(&d->partial, mirror->url)) {
		x.asked.from = d->partial.sink.size_bytes;
		x.if_range = vzr_partial_condition(&d->partial, mirror->url);
	}
	vzr_exchange_run(d->fetcher, &x);
	d->last = x.err;
	return x.outcome;
}

/* All bytes of an answer are there: are they the right ones? */
static enum vzr_outcome check_whole(struct download *d, const char *url,
				    struct vzr_digest *ret_sha256)
{
	const uint64_t size = d->job->terms.size_bytes;
	const uint64_t have = d->partial.sink.size_bytes;
	char shown[VZR_URL_SHOW];
	int r;

	if (size && have < size) {
		vzr_fail(&d->last, -VZR_E_NETWORK,
			 "%s: the body ended after %llu of %llu bytes", vzr_url_show(url, shown),
			 (unsigned long long)have, (unsigned long long)size);
		return VZR_OUTCOME_PASSING;
	}
	r = vzr_partial_publish(&d->partial, ret_sha256, &d->last);
	if (r == 0)
		return VZR_OUTCOME_GOT;
	if (r != -VZR_E_DIGEST)
		return VZR_OUTCOME_FATAL;
	vzr_wrap(&d->last, r, "%s", vzr_url_show(url, shown));
	return VZR_OUTCOME_WRONG;
}

/* Counts a failed attempt, says so, and decides whether the same mirror comes again at once. */
static int failed(struct download *d, struct mirror *mirror, enum vzr_outcome outcome)
{
	const uint64_t have = d->partial.sink.size_bytes;
	bool again = false;
	int r = 0;

	vzr_warn(d->fetcher->ctx, "%s: %s", d->job->label, d->last.msg);
	d->attempts++;
	switch (outcome) {
	case VZR_OUTCOME_WRONG:
		/* Bytes of several answers may not belong together: once more, from the start. */
		again = d->partial.mixed;
		mirror->out = !again;
		d->wrong |= !again;
		r = vzr_partial_restart(&d->partial, &d->last);
		break;
	case VZR_OUTCOME_BAD_RANGE:
		again = !mirror->no_ranges;
		mirror->no_ranges = true;
		mirror->out = !again;
		break;
	case VZR_OUTCOME_PASSING:
		/* A line that breaks again and again but gets on is no reason to give up. */
		again = have >= d->high_water + PROGRESS_COUNTS_BYTES;
		break;
	case VZR_OUTCOME_TOO_LARGE:
		d->too_large = true;
		mirror->out = true;
		r = vzr_partial_restart(&d->partial, &d->last);
		break;
	case VZR_OUTCOME_ABSENT:
		d->absent++;
		mirror->out = true;
		break;
	case VZR_OUTCOME_NONE:
	case VZR_OUTCOME_GOT:
	case VZR_OUTCOME_USELESS:
	case VZR_OUTCOME_FATAL:
		mirror->out = true;
		break;
	}
	if (have > d->high_water)
		d->high_water = have;
	d->at += !again;
	return r;
}

static int give_up(struct download *d, struct vzr_error *err)
{
	const struct vzr_fetch_job *job = d->job;
	int code = -VZR_E_NETWORK;

	if (d->wrong)
		code = -VZR_E_DIGEST;
	else if (d->too_large)
		code = -VZR_E_LIMIT;
	else if (d->absent == d->attempts)
		code = -VZR_E_NOT_FOUND;
	return vzr_fail(err, code, "cannot download %s (%u %s at %zu %s): %s", job->label,
			d->attempts, d->attempts == 1 ? "attempt" : "attempts", job->n_urls,
			job->n_urls == 1 ? "place" : "places", d->last.msg);
}

/* 1: the mirror at d->at is to be tried. 0: none is left. A pause may pass in between. */
static int next_mirror(struct download *d, struct vzr_error *err)
{
	const struct vzr_fetch_options *options = &d->fetcher->options;
	bool any = false;

	for (;;) {
		int r;

		while (d->at < d->job->n_urls && d->mirrors[d->at].out)
			d->at++;
		if (d->at < d->job->n_urls)
			return 1;
		for (size_t i = 0; i < d->job->n_urls; i++)
			any |= !d->mirrors[i].out;
		if (!any || d->round >= options->retries)
			return 0;
		d->at = 0;
		r = vzr_pace(d->fetcher->ctx, options->backoff_ms, ++d->round, err);
		if (r < 0)
			return r;
	}
}

static int transfer(struct download *d, struct vzr_digest *ret_sha256, struct vzr_error *err)
{
	const uint64_t size = d->job->terms.size_bytes;
	enum vzr_outcome outcome;
	int r;

	/* An earlier run may have been killed between the last byte and the end. */
	if (size && d->partial.sink.size_bytes == size) {
		outcome = check_whole(d, "what was left of an earlier download", ret_sha256);
		if (outcome == VZR_OUTCOME_GOT)
			return 0;
		if (outcome == VZR_OUTCOME_FATAL)
			return vzr_fail(err, d->last.code, "%s", d->last.msg);
		r = vzr_partial_restart(&d->partial, err);
		if (r < 0)
			return r;
	}
	d->high_water = d->partial.sink.size_bytes;
	d->total = size;
	while ((r = next_mirror(d, err)) == 1) {
		struct mirror *mirror = &d->mirrors[d->at];

		outcome = vzr_url_scheme(mirror->url) == VZR_SCHEME_FILE ? try_file(d, mirror->url)
									 : try_http(d, mirror);
		if (outcome == VZR_OUTCOME_GOT)
			outcome = check_whole(d, mirror->url, ret_sha256);
		if (outcome == VZR_OUTCOME_GOT)
			return 0;
		if (outcome == VZR_OUTCOME_FATAL) {
			r = d->last.code < 0 ? d->last.code : -VZR_E_FAILED;
			return vzr_fail(err, r, "cannot download %s: %s", d->job->label,
					d->last.msg);
		}
		r = failed(d, mirror, outcome);
		if (r < 0)
			return vzr_fail(err, r, "%s", d->last.msg);
	}
	return r < 0 ? r : give_up(d, err);
}

static int check_job(const struct vzr_fetch_job *job, struct vzr_error *err)
{
	const struct vzr_blob_terms *terms = &job->terms;
	char shown[VZR_URL_SHOW];

	if (job->n_urls == 0)
		return vzr_fail(err, -VZR_E_INPUT, "there is no URL to download %s from",
				job->label);
	for (size_t i = 0; i < job->n_urls; i++)
		if (!vzr_url_ok(job->urls[i]))
			return vzr_fail(err, -VZR_E_INPUT,
					"cannot download %s from '%s': not a http, https or file "
					"URL without a user name in it",
					job->label, vzr_url_show(job->urls[i], shown));
	if (terms->max_bytes && terms->size_bytes > terms->max_bytes)
		return vzr_fail(err, -VZR_E_LIMIT,
				"%s has %llu bytes, more than the %llu that are allowed",
				job->label, (unsigned long long)terms->size_bytes,
				(unsigned long long)terms->max_bytes);
	return 0;
}

static void download_done(struct download *d)
{
	vzr_partial_done(&d->partial);
	free(d->mirrors);
}

int vzr_fetch_blob(struct vzr_fetcher *fetcher, struct vzr_store *store,
		   const struct vzr_fetch_job *job, struct vzr_digest *ret_sha256,
		   struct vzr_error *err)
{
	VZR_CLEANUP(download_done) struct download d = { .fetcher = fetcher, .store = store,
							 .job = job,
							 .partial = VZR_PARTIAL_INIT };
	const struct vzr_digest *want = job->terms.digest;
	int r = check_job(job, err);

	if (r < 0)
		return r;
	if (want && want->algo == VZR_SHA256) {
		r = vzr_blob_ready(store, want, &job->terms, err);
		if (r == 1)
			*ret_sha256 = *want;
		if (r != 0)
			return r;
	}
	d.mirrors = calloc(job->n_urls, sizeof(*d.mirrors));
	if (!d.mirrors)
		return vzr_fail_code(err, -ENOMEM, "cannot download %s", job->label);
	for (size_t i = 0; i < job->n_urls; i++)
		d.mirrors[i].url = job->urls[i];
	r = vzr_partial_open(&d.partial, store, job, ret_sha256, err);
	if (r == 0)
		r = check_room(&d, job->terms.size_bytes, err);
	return r == 0 ? transfer(&d, ret_sha256, err) : r;
}
