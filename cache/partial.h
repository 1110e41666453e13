/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A download under way: partial/KEY with its lock, and partial/KEY.meta that says what it is of. */
#pragma once

#include "cache/answer.h"
#include "cache/fetch.h"
#include "cache/internal.h"

#define VZR_PARTIAL_KEY (VZR_DIGEST_HEX + 8)

/** The bytes so far, and from where they came. */
struct vzr_partial {
	struct vzr_sink sink;	   /**< its file is partial/KEY, locked */
	char key[VZR_PARTIAL_KEY]; /**< hex of the digest, or "url-" and hex of the first URL's */
	char *url;		   /**< of the first bytes; NULL: not known, nothing to resume */
	char *validator;	   /**< as in If-Range ("\"etag\"" or a date); NULL: none */
	bool mixed;		   /**< bytes of more than one answer */
	bool spoilt;		   /**< do not keep the file whatever happens */
};
#define VZR_PARTIAL_INIT                                                                           \
	{                                                                                          \
		.sink = VZR_SINK_INIT                                                              \
	}

/**
 * Takes the download of @job, waiting for another process that has it, with what that left.
 * 0: it is ours. 1: the other one finished: the blob is there, checked and pinned, *ret_sha256 is
 * set.
 */
VZR_MUST_CHECK int vzr_partial_open(struct vzr_partial *partial, struct vzr_store *store,
				    const struct vzr_fetch_job *job,
				    struct vzr_digest *ret_sha256, struct vzr_error *err);

/** Keeps what can be resumed, removes the rest, unlocks. */
void vzr_partial_done(struct vzr_partial *partial);
#define VZR_AUTO_PARTIAL __attribute__((cleanup(vzr_partial_done)))

/** True if the bytes can be continued from @url. */
bool vzr_partial_fits(const struct vzr_partial *partial, const char *url);

/** What If-Range has to be for @url; NULL if it need not be. Lent. */
const char *vzr_partial_condition(const struct vzr_partial *partial, const char *url);

/** Forgets every byte and what they were of. */
VZR_MUST_CHECK int vzr_partial_restart(struct vzr_partial *partial, struct vzr_error *err);

/** Forgets every byte, and notes that new ones come from @url with @answer (NULL: no HTTP). */
VZR_MUST_CHECK int vzr_partial_begin(struct vzr_partial *partial, const char *url,
				     const struct vzr_answer *answer, struct vzr_error *err);

/** vzr_sink_publish(). After -VZR_E_DIGEST vzr_partial_restart() makes it usable again. */
VZR_MUST_CHECK int vzr_partial_publish(struct vzr_partial *partial, struct vzr_digest *ret_sha256,
				       struct vzr_error *err);

/**
 * Looks whether the store has what @terms ask for under @sha256, checks what opening does not, and
 * pins it. 1: it has; 0: not, or not good.
 */
VZR_MUST_CHECK int vzr_blob_ready(struct vzr_store *store, const struct vzr_digest *sha256,
				  const struct vzr_blob_terms *terms, struct vzr_error *err);
