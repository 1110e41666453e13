/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server says before the body, and whether that is what we asked for. Pure. */
#pragma once

#include "engine/base/error.h"

/** How one try ended. The order is of no meaning. */
enum vzr_outcome {
	VZR_OUTCOME_NONE,      /**< nothing decided yet */
	VZR_OUTCOME_GOT,       /**< the whole body was taken */
	VZR_OUTCOME_PASSING,   /**< may work later: time-out, cut, 5xx */
	VZR_OUTCOME_ABSENT,    /**< 404, 410, no such file */
	VZR_OUTCOME_USELESS,   /**< this URL will not do: 403, redirect loop, bad certificate */
	VZR_OUTCOME_WRONG,     /**< bytes, or their announced number, are not what they should be */
	VZR_OUTCOME_TOO_LARGE, /**< more than the caller accepts */
	VZR_OUTCOME_BAD_RANGE, /**< cannot be resumed there: again, from the start */
	VZR_OUTCOME_FATAL      /**< not the server's fault: no space, cancelled */
};

#define VZR_VALIDATOR_MAX 128

/** The header lines that matter. */
struct vzr_answer {
	unsigned int status; /**< 0: no status line yet */
	bool has_length;
	bool chunked;
	bool encoded;	    /**< a Content-Encoding other than identity */
	bool bad_length;    /**< Content-Length is no number, or there are two different ones */
	bool bad_range;	    /**< Content-Range cannot be read */
	bool has_range;
	uint64_t length;    /**< Content-Length */
	uint64_t first;	    /**< Content-Range: first byte */
	uint64_t last;	    /**< last byte */
	uint64_t total;	    /**< of the whole; UINT64_MAX: not said */
	char etag[VZR_VALIDATOR_MAX];	       /**< strong, without its quotes; or "" */
	char last_modified[VZR_VALIDATOR_MAX]; /**< or "" */
	char date[VZR_VALIDATOR_MAX];	       /**< or "" */
	char reason[64];		       /**< of the status line */
};

/** Takes one header line, with or without its CRLF. A status line starts over. */
void vzr_answer_line(struct vzr_answer *answer, const char *line, size_t len);

/** What was asked for. */
struct vzr_asked {
	uint64_t from;	     /**< first byte wanted; 0: all, without a Range */
	uint64_t size_bytes; /**< of the whole; 0: not known */
	uint64_t max_bytes;  /**< most that is accepted of the whole */
};

/**
 * VZR_OUTCOME_NONE if the body may be taken (200: from 0; 206: from asked->from), else what is
 * wrong, with a sentence in @err.
 */
enum vzr_outcome vzr_answer_check(const struct vzr_answer *answer, const struct vzr_asked *asked,
				  struct vzr_error *err);
