/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Downloads: http, https and file URLs, into memory (indexes) or into the store (payloads). */
#pragma once

#include "cache/store.h"
#include "engine/base/buf.h"

/** How to talk to servers. Texts are borrowed by the fetcher; NULL or 0: the default. */
struct vzr_fetch_options {
	int root_fd;		   /**< file:// URLs are opened below it */
	const char *http_proxy;	   /**< for http:// URLs; NULL: none (never the environment) */
	const char *https_proxy;   /**< for https:// URLs */
	const char *no_proxy;	   /**< comma list of hosts */
	const char *ca_file; /**< PEM bundle instead of the system's; path on the host */
	const char *netrc_file;	   /**< credentials by host; path on the host */
	unsigned int connect_timeout_s;	/**< default 15 */
	unsigned int low_speed_s;	/**< longest time below 1 KiB/s; default 30 */
	unsigned int retries;		/**< more rounds over the mirrors; default 3 */
	unsigned int backoff_ms;	/**< pause between rounds, doubled each time; 500 */
};

struct vzr_fetcher;

/**
 * A fetcher with @options (copied; texts are borrowed). Sends events to @ctx (may be NULL).
 * -VZR_E_CONFIG for a proxy that is none, or a CA or netrc file that cannot be read.
 */
VZR_MUST_CHECK int vzr_fetcher_new(const struct vzr_fetch_options *options,
				   struct vzr_context *ctx, struct vzr_fetcher **ret_fetcher,
				   struct vzr_error *err);
/** Closes its connections and frees it. NULL is fine. */
void vzr_fetcher_free(struct vzr_fetcher *fetcher);

/** True if @url is http, https or file and has nothing a URL must not have (user:pass, blanks). */
bool vzr_url_ok(const char *url);

/**
 * Gets a small document into @buf (its max bounds it). Redirects stay on https once there, at most
 * 5. -VZR_E_NOT_FOUND for 404, 410 and a missing file, -VZR_E_NETWORK otherwise, with the URL, the
 * proxy if one was used and the reason in @err; -VZR_E_LIMIT. Retries what may pass (5xx, resets,
 * time-outs). @buf is empty after a failure.
 */
VZR_MUST_CHECK int vzr_fetch_memory(struct vzr_fetcher *fetcher, const char *url,
				    struct vzr_buf *buf, struct vzr_error *err);

/** One payload, the same bytes from any of its URLs. */
struct vzr_fetch_job {
	const char *const *urls; /**< mirrors in order of preference */
	size_t n_urls;
	struct vzr_blob_terms terms;
	const char *label; /**< name in messages */
};

/**
 * Downloads into partial/ (resuming what an earlier run left: Range with If-Range), verifies while
 * streaming, publishes the blob. Next mirror on 404, 5xx, short body or wrong digest; only one
 * process downloads the same thing, others wait for it and find it. Sends PROGRESS of "fetch".
 * Returns 1 if the blob was there already (terms.digest is SHA-256), or another process has
 * downloaded it meanwhile. The blob cannot be removed by others until it has a name or @store is
 * closed. -VZR_E_NOT_FOUND if no URL has it, -VZR_E_DIGEST if what came was wrong, -VZR_E_LIMIT,
 * -VZR_E_NO_SPACE, -ENOSPC, else -VZR_E_NETWORK; what is there of it stays for the next call.
 */
VZR_MUST_CHECK int vzr_fetch_blob(struct vzr_fetcher *fetcher, struct vzr_store *store,
				  const struct vzr_fetch_job *job, struct vzr_digest *ret_sha256,
				  struct vzr_error *err);
