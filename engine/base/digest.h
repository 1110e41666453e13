/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests: SHA-256 and SHA-512 as "sha256:HEX", the only ones that are trusted. */
#pragma once

#include "engine/base/error.h"

enum vzr_digest_algo { VZR_SHA256, VZR_SHA512 };

#define VZR_DIGEST_MAX 64	   /* bytes of the longest digest */
#define VZR_DIGEST_HEX (128 + 1)	   /* hex + NUL */
#define VZR_DIGEST_TEXT (7 + VZR_DIGEST_HEX) /* "sha512:" + hex + NUL */

/** A digest as a value. */
struct vzr_digest {
	enum vzr_digest_algo algo;
	unsigned char bytes[VZR_DIGEST_MAX]; /**< 32 or 64 of them are valid */
};

/** A running computation. Opaque. */
struct vzr_hash;

/** Starts hashing. -ENOMEM. */
VZR_MUST_CHECK int vzr_hash_new(enum vzr_digest_algo algo, struct vzr_hash **ret_hash);
void vzr_hash_free(struct vzr_hash *hash);
void vzr_hash_freep(struct vzr_hash **hash);
#define VZR_AUTO_HASH __attribute__((cleanup(vzr_hash_freep)))

/** Adds @len bytes. */
void vzr_hash_add(struct vzr_hash *hash, const void *data, size_t len);

/** Ends the computation and gives the digest; the hash can only be freed afterwards. */
void vzr_hash_end(struct vzr_hash *hash, struct vzr_digest *ret_digest);

/** Digest of @len bytes in memory. */
VZR_MUST_CHECK int vzr_digest_of(enum vzr_digest_algo algo, const void *data, size_t len,
				 struct vzr_digest *ret_digest);

/** Digest and number of the bytes from the descriptor's position to its end. */
VZR_MUST_CHECK int vzr_digest_of_fd(enum vzr_digest_algo algo, int fd,
				    struct vzr_digest *ret_digest, uint64_t *ret_size,
				    struct vzr_error *err);

/** Number of bytes of a digest of @algo. */
size_t vzr_digest_size(enum vzr_digest_algo algo);

/** "sha256:HEX" into @out, lower case. Returns @out. */
char *vzr_digest_text(const struct vzr_digest *digest, char out[VZR_DIGEST_TEXT]);

/** The hex part only into @out, lower case. Returns @out. */
char *vzr_digest_hex(const struct vzr_digest *digest, char out[VZR_DIGEST_HEX]);

/**
 * Parses "sha256:HEX", "sha512:HEX" or bare hex of 64 or 128 digits, either case.
 * -VZR_E_INPUT for anything else (md5 and sha1 lengths too).
 */
VZR_MUST_CHECK int vzr_digest_parse(const char *text, struct vzr_digest *ret_digest,
				    struct vzr_error *err);

/** True if both are the same algorithm and the same bytes. */
bool vzr_digest_equal(const struct vzr_digest *a, const struct vzr_digest *b);
