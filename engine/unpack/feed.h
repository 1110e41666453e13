/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The archive's bytes: read, hashed, decompressed. */
#pragma once

#include "engine/unpack/unpack.h"

struct vzr_feed;

/** Over @fd (borrowed), with limits->ratio. @expected (may be NULL): what the digest must be. */
VZR_MUST_CHECK int vzr_feed_new(int fd, const struct vzr_digest *expected, bool threads,
				struct vzr_feed **ret_feed, struct vzr_error *err);
void vzr_feed_free(struct vzr_feed *feed);

/**
 * Looks at the beginning and sets the right decoder up. Bytes that are neither a known compression
 * nor a tar are -VZR_E_ARCHIVE with what they look like.
 */
VZR_MUST_CHECK int vzr_feed_start(struct vzr_feed *feed, unsigned int max_ratio,
				  struct vzr_error *err);

/** The next block of the tar; *ret_len 0: the verified end of all layers. */
VZR_MUST_CHECK int vzr_feed_next(struct vzr_feed *feed, const void **ret_block, size_t *ret_len,
				 struct vzr_error *err);

/** Bytes of the archive taken so far, and its size when it was opened. */
uint64_t vzr_feed_position(const struct vzr_feed *feed, uint64_t *ret_total);

/** "gzip", ..., "none"; valid after the start. Static. */
const char *vzr_feed_compression(const struct vzr_feed *feed);

/**
 * Reads what is left of the archive (also after an error) and gives its SHA-256 and size.
 * -VZR_E_DIGEST if it is not what was expected.
 */
VZR_MUST_CHECK int vzr_feed_digest(struct vzr_feed *feed, struct vzr_digest *ret_sha256,
				   uint64_t *ret_bytes, struct vzr_error *err);
