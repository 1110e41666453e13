/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures: OpenPGP by gpgv, and the rule by which one is accepted. */
#pragma once

#include "engine/base/buf.h"
#include "engine/base/event.h"
#include "engine/base/list.h"

#define VZR_FINGERPRINT_MAX (64 + 1) /* hex digits of a key's fingerprint and a NUL */

/** What a signature must be. */
struct vzr_signature_policy {
	const struct vzr_list
		*fingerprints; /**< pinned keys, upper-case hex; none: nothing passes */
	bool weak_digests;     /**< a SHA-1 digest is good enough */
	int64_t now;	       /**< seconds since 1970 */
};

/** Who signed. */
struct vzr_signed_by {
	char fingerprint[VZR_FINGERPRINT_MAX]; /**< of the primary key */
	int64_t time;			       /**< seconds since 1970 */
	bool weak;			       /**< over a SHA-1 digest */
};

/**
 * The acceptance rule over gpgv's status lines and exit status: exactly one signature, good, by a
 * pinned key that is neither expired nor revoked, over SHA-256, SHA-384 or SHA-512, not from the
 * future. @what stands in messages. -VZR_E_SIGNATURE with the one reason.
 */
VZR_MUST_CHECK int vzr_gpgv_judge(const char *what, const char *status, int exit_status,
				  const struct vzr_signature_policy *policy,
				  struct vzr_signed_by *ret_by, struct vzr_error *err);

/** What is to be verified. Descriptors are read from their beginning whatever their position. */
struct vzr_signature_job {
	const char *what;		 /**< name in messages */
	int data_fd;			 /**< the signed bytes: a regular file or memfd */
	const struct vzr_buf *signature; /**< detached, armored or binary */
	const struct vzr_buf *keyring;	 /**< binary packets */
};

/** Runs gpgv and judges. -VZR_E_SIGNATURE, -VZR_E_UNSUPPORTED if gpgv is not installed. */
VZR_MUST_CHECK int vzr_signature_verify(const struct vzr_signature_job *job,
					const struct vzr_signature_policy *policy,
					struct vzr_signed_by *ret_by, struct vzr_error *err);

/** A sealed memfd that holds @len bytes; position 0. */
VZR_MUST_CHECK int vzr_sealed_fd(const char *name, const void *data, size_t len,
				 struct vzr_error *err);

/**
 * The packets in OpenPGP ASCII armor (@text may hold several blocks one after the other), or the
 * bytes themselves if they are not armored. -VZR_E_INPUT for broken armor or a wrong checksum.
 */
VZR_MUST_CHECK int vzr_dearmor(const char *text, size_t len, struct vzr_buf *ret_packets,
			       struct vzr_error *err);
