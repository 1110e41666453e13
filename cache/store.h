/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store: verified blobs by their SHA-256, names that point at them, partial downloads.
 *
 *   blobs/sha256/xx/HEX   whole and verified, mode 0444; visible only when both are true
 *   names/NAME            a record (KEY="value") of a template name: digest, source, trust, ...
 *   partial/KEY           a download under way or interrupted, flocked by its owner
 *   index/SOURCE/         what a source has stored of its index (owned by templates/)
 *
 * Everything is rebuildable. Blobs in use are flocked shared; removal needs the exclusive lock.
 */
#pragma once

#include "engine/base/digest.h"
#include "engine/base/event.h"
#include "engine/base/list.h"

struct vzr_store;

/**
 * Opens the store at @path below @root_fd (kept by duplicate). Directories are made when the first
 * thing is written, so that reading needs no permission to write. A store that does not exist yet
 * opens as empty. -VZR_E_NOT_TRUSTED if others than the owner can write into it.
 */
VZR_MUST_CHECK int vzr_store_open(int root_fd, const char *path, struct vzr_context *ctx,
				  struct vzr_store **ret_store, struct vzr_error *err);
void vzr_store_close(struct vzr_store *store);

/** A descriptor of sub-directory @name of the store ("index/foo"), made if missing (0755). */
VZR_MUST_CHECK int vzr_store_subdir(struct vzr_store *store, const char *name,
				    struct vzr_error *err);

/** The same, but only if it is there (and may be read): -ENOENT with no message. */
VZR_MUST_CHECK int vzr_store_subdir_find(struct vzr_store *store, const char *name,
					 struct vzr_error *err);

/** Free room where the store is (or would be made). */
VZR_MUST_CHECK int vzr_store_free_space(struct vzr_store *store, uint64_t *ret_kib,
					struct vzr_error *err);

/* ---- blobs ---- */

/** A blob opened for reading; the descriptor holds a shared flock, so it cannot be removed. */
struct vzr_blob {
	int fd; /**< -1: none; position 0 */
	uint64_t size_bytes;
	struct vzr_digest digest; /**< SHA-256 */
};
#define VZR_BLOB_INIT                                                                              \
	{                                                                                          \
		.fd = -1                                                                           \
	}
void vzr_blob_done(struct vzr_blob *blob);
#define VZR_AUTO_BLOB __attribute__((cleanup(vzr_blob_done)))

/** Opens the blob with this SHA-256. -VZR_E_NOT_FOUND. The bytes are not read again here. */
VZR_MUST_CHECK int vzr_store_blob_open(struct vzr_store *store, const struct vzr_digest *sha256,
				       struct vzr_blob *ret_blob, struct vzr_error *err);

/** Reads the blob again; -VZR_E_DIGEST if it changed, and then it is no longer visible. */
VZR_MUST_CHECK int vzr_store_blob_verify(struct vzr_store *store, const struct vzr_digest *sha256,
					 struct vzr_error *err);

/** Removes the blob; -VZR_E_BUSY while someone reads it; 0 if it is not there. */
VZR_MUST_CHECK int vzr_store_blob_remove(struct vzr_store *store, const struct vzr_digest *sha256,
					 struct vzr_error *err);

/**
 * Checks bytes before they become visible: @fd is open for reading (use pread or rewind it).
 * 0 accepts; a negative result refuses and becomes the result of the whole call.
 */
typedef int (*vzr_verify_fn)(void *data, int fd, uint64_t size_bytes, struct vzr_error *err);

/** Somebody who looks at the bytes of a new blob as they come, in order. */
struct vzr_tap {
	/** The next @len bytes. A negative result fails the whole call. */
	int (*add)(void *data, const void *bytes, size_t len, struct vzr_error *err);
	/** All bytes so far were for nothing: the next come from the beginning again. */
	void (*restart)(void *data);
	void *data;
};

/** What the bytes of a new blob must be. Zero-initialised: anything. */
struct vzr_blob_terms {
	const struct vzr_digest *digest; /**< SHA-256 or SHA-512 that must match; or NULL */
	uint64_t size_bytes;		 /**< exact size; 0: not known */
	uint64_t max_bytes;		 /**< most that is accepted; 0: 64 GiB */
	vzr_verify_fn verify;		 /**< last check, e.g. a signature over the file; or NULL */
	void *verify_data;
	const struct vzr_tap *tap; /**< NULL: nobody */
};

/**
 * Takes all bytes of @fd from its position to its end as a new blob: hashed while copied, checked
 * against @terms, fsynced, then visible. Nothing is left behind on failure. *ret_sha256 is set.
 * -VZR_E_DIGEST, -VZR_E_LIMIT, -VZR_E_NO_SPACE / -ENOSPC, what verify() returned.
 */
VZR_MUST_CHECK int vzr_store_blob_add(struct vzr_store *store, int fd,
				      const struct vzr_blob_terms *terms,
				      struct vzr_digest *ret_sha256, struct vzr_error *err);

/* ---- names ---- */

/** What is known of a cached template. Texts are owned; NULL where not known. */
struct vzr_name {
	char *name;
	struct vzr_digest digest; /**< SHA-256 of the blob */
	uint64_t size_bytes;
	char *source;
	char *trust;
	char *location;
	char *compression;	  /**< "gzip", "none", ... */
	uint64_t unpacked_kib;	  /**< 0: not known */
	uint64_t unpacked_inodes; /**< 0: not known */
	int64_t time;
};
void vzr_name_done(struct vzr_name *name);
#define VZR_AUTO_NAME __attribute__((cleanup(vzr_name_done)))

/** Writes or replaces the record atomically; a blob that no name needs any more is removed. */
VZR_MUST_CHECK int vzr_store_name_put(struct vzr_store *store, const struct vzr_name *name,
				      struct vzr_error *err);

/** Reads one record; -VZR_E_NOT_FOUND. A damaged record is -VZR_E_CONFIG. */
VZR_MUST_CHECK int vzr_store_name_get(struct vzr_store *store, const char *name,
				      struct vzr_name *ret_name, struct vzr_error *err);

/** Every name, sorted; texts owned by the list. */
VZR_MUST_CHECK int vzr_store_name_list(struct vzr_store *store, struct vzr_list *ret_names,
				       struct vzr_error *err);

/** Removes a name, and its blob if no other name has it. -VZR_E_NOT_FOUND, -VZR_E_BUSY. */
VZR_MUST_CHECK int vzr_store_name_remove(struct vzr_store *store, const char *name,
					 struct vzr_error *err);

/** Removes what crashed predecessors left (unlocked temporary files, not resumable partials). */
VZR_MUST_CHECK int vzr_store_recover(struct vzr_store *store, struct vzr_error *err);
