/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One request and its answer over HTTP, redirects included. exchange.c is libcurl's only home. */
#pragma once

#include "cache/answer.h"
#include "cache/fetch.h"

/** What every transfer shares. The multi handle can drive many exchanges at once. */
struct vzr_fetcher {
	struct vzr_fetch_options options; /**< with the defaults; texts are borrowed */
	struct vzr_context *ctx;	  /**< borrowed; may be NULL */
	void *multi;			  /**< CURLM, with the connections that are kept open */
};

/** A request. Zero-initialise, set what is asked and the callbacks, run, see the outcome. */
struct vzr_exchange {
	const char *url; /**< borrowed */
	struct vzr_asked asked;
	const char *if_range; /**< header value: a range of this version only; or NULL */
	/** The answer is acceptable (200: the body starts at 0). -VZR_E_NETWORK refuses it. */
	int (*begin)(void *data, const struct vzr_answer *answer, struct vzr_error *err);
	/** The next bytes. Negative ends: -VZR_E_LIMIT, -VZR_E_DIGEST, others are fatal. */
	int (*add)(void *data, const void *bytes, size_t len, struct vzr_error *err);
	void *data; /**< for both */

	struct vzr_answer answer; /**< the last one */
	enum vzr_outcome outcome;
	struct vzr_error err;	  /**< what went wrong, "URL: reason"; its code with FATAL */
	uint64_t received;	  /**< bytes of the body */

	void *easy;		     /**< CURL; NULL while not running */
	struct curl_slist *headers;  /**< lines that we add */
	char *target;		     /**< where redirects have led to; NULL: url itself */
	unsigned int redirects;
	size_t header_bytes;	     /**< of every answer together */
	size_t ignored_bytes;	     /**< of bodies that nobody wants */
	bool begun;		     /**< begin() said yes */
	bool ended;		     /**< the driver is done with it */
	char reason[256];	     /**< libcurl's own words */
};

/** Prepares libcurl (once per process) and the handle that drives exchanges. */
VZR_MUST_CHECK int vzr_exchange_setup(struct vzr_fetcher *fetcher, struct vzr_error *err);
void vzr_exchange_teardown(struct vzr_fetcher *fetcher);

/** Hands the exchange to the driver. It must stay where it is until it has ended. */
VZR_MUST_CHECK int vzr_exchange_start(struct vzr_fetcher *fetcher, struct vzr_exchange *exchange);

/** Works on every started exchange for at most @timeout_ms; those that are over have ended set. */
VZR_MUST_CHECK int vzr_exchange_drive(struct vzr_fetcher *fetcher, int timeout_ms,
				      struct vzr_error *err);

/** Takes it from the driver if it is still there, and frees what it holds. Outcome and err stay. */
void vzr_exchange_done(struct vzr_fetcher *fetcher, struct vzr_exchange *exchange);

/** Start, drive and done of a single one. A cancelled context makes it FATAL. */
void vzr_exchange_run(struct vzr_fetcher *fetcher, struct vzr_exchange *exchange);

/**
 * Opens the regular file that a file URL names below the fetcher's root. -VZR_E_NOT_FOUND, others
 * with the URL in @err.
 */
VZR_MUST_CHECK int vzr_fetch_open_file(const struct vzr_fetcher *fetcher, const char *url,
				       int *ret_fd, struct vzr_error *err);
