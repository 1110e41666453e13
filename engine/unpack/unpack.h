/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A verified archive becomes a tree, in a child that can do nothing but create files below one
 * directory. Formats: tar, plain or in gzip, bzip2, xz, zstd, lz4, told by magic.
 */
#pragma once

#include "engine/base/digest.h"
#include "engine/base/event.h"

/** What the archive may ask for; 0 members take the default. Enforced while streaming. */
struct vzr_unpack_limits {
	uint64_t bytes;	    /**< sum of file contents; default 1 TiB */
	uint64_t kib;	    /**< room the tree takes, in KiB (the VM's hard limit); default none */
	uint64_t inodes;    /**< files and directories (the VM's hard limit); default 16 Mi */
	unsigned int depth; /**< components of a path; default 128 */
	unsigned int ratio; /**< unpacked to packed bytes, past the first 64 MiB; default 1100 */
};

/** One unpacking. */
struct vzr_unpack_job {
	struct vzr_context *ctx;
	int archive_fd;			 /**< read from offset 0 by pread; stays open */
	const struct vzr_digest *digest; /**< what the archive's bytes must be; NULL: not known */
	int tree_fd;			 /**< an empty directory, or -1: only measure and check */
	struct vzr_unpack_limits limits;
	unsigned int writers; /**< threads that write files; 0: one less than processors, 1 to 8 */
	const char *label;    /**< the archive's name in messages */
};

/** What came out. */
struct vzr_unpack_result {
	struct vzr_digest sha256; /**< of all bytes of the archive */
	uint64_t archive_bytes;
	uint64_t entries;    /**< members read */
	uint64_t inodes;     /**< distinct inodes of the tree, the root included */
	uint64_t bytes;	     /**< sum of file contents */
	uint64_t kib;	     /**< room the tree takes with 4 KiB blocks */
	uint64_t left_out;   /**< members or attributes left out by policy (each a warning event) */
	char compression[8]; /**< "gzip", "xz", ..., "none" */
};

/**
 * Unpacks and verifies. The tree is what "tar --numeric-owner --xattrs --acls -xp" makes, less
 * what policy.h leaves out; the root directory gets the archive's "./" attributes.
 * Errors name the member: -VZR_E_REFUSED (policy, path tricks), -VZR_E_ARCHIVE (damaged or not an
 * archive), -VZR_E_LIMIT, -VZR_E_OVER_QUOTA (limits.kib or limits.inodes), -VZR_E_DIGEST (the
 * bytes are not what they must be), -ENOSPC, -EDQUOT, -VZR_E_CANCELLED.
 * On failure the tree is left incomplete for the caller to remove. Nothing is synced.
 */
VZR_MUST_CHECK int vzr_unpack(const struct vzr_unpack_job *job,
			      struct vzr_unpack_result *ret_result, struct vzr_error *err);

/** An unpacking that goes on beside its caller. */
struct vzr_unpacking;

/**
 * Starts an unpacking whose archive is handed over piece by piece: job->archive_fd does not count.
 * What @job points at must outlive it. Ends with vzr_unpack_finish() or vzr_unpack_abort().
 */
VZR_MUST_CHECK int vzr_unpack_start(const struct vzr_unpack_job *job,
				    struct vzr_unpacking **ret_unpacking, struct vzr_error *err);

/**
 * Hands over the next @len bytes of the archive; waits while there is no room for them. 0, also
 * when the unpacking has failed meanwhile (vzr_unpack_finish() tells how); -VZR_E_CANCELLED.
 */
VZR_MUST_CHECK int vzr_unpack_feed(struct vzr_unpacking *unpacking, const void *data, size_t len,
				   struct vzr_error *err);

/** All bytes were handed over: waits for the end, frees, and answers as vzr_unpack() does. */
VZR_MUST_CHECK int vzr_unpack_finish(struct vzr_unpacking *unpacking,
				     struct vzr_unpack_result *ret_result, struct vzr_error *err);

/** Stops it at once, wherever it is. NULL is fine. */
void vzr_unpack_abort(struct vzr_unpacking *unpacking);

#define VZR_UNPACK_MISSING 160

/** Names of the capabilities that unpacking needs and this process lacks, each after a blank. */
void vzr_unpack_missing(char missing[VZR_UNPACK_MISSING]);

/** What confines the child here: "no-new-privileges, capabilities, seccomp, landlock". Static. */
const char *vzr_unpack_confinement(void);
