/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the cache share: the store's directories and lock, the sink of new bytes. */
#pragma once

#include "cache/store.h"

#include <sys/stat.h>

#define VZR_BLOB_MAX_BYTES (64ull << 30) /* terms.max_bytes that says nothing */

/** The store; opened lazily, because a store that is not there yet reads as empty. */
struct vzr_store {
	int root_fd;		 /**< own duplicate */
	char *path;		 /**< below root_fd, for messages too */
	struct vzr_context *ctx; /**< borrowed; may be NULL */
	int fd;			 /**< the directory; -1: not there (yet) or not readable */
	bool warned;		 /**< that it cannot be read */
	struct vzr_blob *pins;	 /**< blobs that this handle added and no name has yet, kept open */
	size_t n_pins;		 /**< so that their shared flock keeps others from removing them */
};

/**
 * Opens directory @name ("blobs/sha256/ab") of the store. @mode 0: only if it is there, else
 * -ENOENT with no message; otherwise what is missing is made with @mode. Directories that others
 * than root and the caller can write into are -VZR_E_NOT_TRUSTED. Returns the descriptor.
 */
VZR_MUST_CHECK int vzr_store_dir(struct vzr_store *store, const char *name, mode_t mode,
				 struct vzr_error *err);

/** Takes the lock under which blobs and names come and go. Returns a descriptor to close. */
VZR_MUST_CHECK int vzr_store_lock(struct vzr_store *store, struct vzr_error *err);

/** Fills @err for a failed write into the store, naming the file system. Returns @code. */
int vzr_store_write_error(const struct vzr_store *store, int code, struct vzr_error *err);

/** -VZR_E_NOT_TRUSTED unless root or the caller owns what @st is of and nobody else may write. */
VZR_MUST_CHECK int vzr_check_owner(const struct vzr_store *store, const struct stat *st,
				   const char *what, struct vzr_error *err);

/** True if @name in @dirfd is the very file that @fd is. */
bool vzr_same_file(int dirfd, const char *name, int fd);

/** Opens the blobs' sub-directory of @sha256 as vzr_store_dir(); *hex gets the blob's name. */
VZR_MUST_CHECK int vzr_blob_dir(struct vzr_store *store, const struct vzr_digest *sha256,
				mode_t mode, char hex[VZR_DIGEST_HEX], struct vzr_error *err);

/** Keeps @blob (taken over) open until a name has it or the store is closed. -ENOMEM. */
VZR_MUST_CHECK int vzr_store_pin(struct vzr_store *store, struct vzr_blob *blob);

/** Ends the pin of @sha256, if there is one. */
void vzr_store_unpin(struct vzr_store *store, const struct vzr_digest *sha256);

/**
 * Takes the exclusive lock of a blob: *ret_fd is the descriptor that has it, or -1 if the blob is
 * not there. The caller holds the store's lock. -VZR_E_BUSY while it is read.
 */
VZR_MUST_CHECK int vzr_blob_claim(struct vzr_store *store, const struct vzr_digest *sha256,
				  int *ret_fd, struct vzr_error *err);

/** Removes a blob that the caller has claimed; 0 if it was not there. */
VZR_MUST_CHECK int vzr_blob_drop(struct vzr_store *store, const struct vzr_digest *sha256,
				 struct vzr_error *err);

/** vzr_blob_claim() and vzr_blob_drop(). The caller holds the store's lock. */
VZR_MUST_CHECK int vzr_blob_unlink(struct vzr_store *store, const struct vzr_digest *sha256,
				   struct vzr_error *err);

/**
 * True if a record in names/ has @sha256. A record that cannot be read counts as one that has it.
 * The caller holds the store's lock. @except: a name that does not count, or NULL.
 */
bool vzr_blob_is_named(struct vzr_store *store, const struct vzr_digest *sha256,
		       const char *except);

/**
 * @text with what a KEY="value" file cannot hold written as %XX (for URLs the same thing).
 * NULL when out of memory or for NULL; the caller frees.
 */
char *vzr_kv_safe(const char *text);

/* ---- the sink: where the bytes of a new blob go ---- */

/** Bytes on their way to become a blob: written, counted and hashed in one go. */
struct vzr_sink {
	struct vzr_store *store;	    /**< borrowed */
	const struct vzr_blob_terms *terms; /**< borrowed */
	int fd;				    /**< -1: closed */
	int dir_fd;			    /**< partial/; -1 with an unnamed file */
	char *name;			    /**< in dir_fd; NULL: the file has no name */
	bool keep;			    /**< leave the named file when done */
	uint64_t size_bytes;		    /**< taken so far (written or in the buffer) */
	struct vzr_hash *sha256;
	struct vzr_hash *sha512; /**< NULL unless terms ask for it */
	char *buffer;
	size_t buffered;
};
#define VZR_SINK_INIT                                                                              \
	{                                                                                          \
		.fd = -1, .dir_fd = -1                                                             \
	}

/** Starts an empty sink on a file that nobody can see. */
VZR_MUST_CHECK int vzr_sink_open(struct vzr_sink *sink, struct vzr_store *store,
				 const struct vzr_blob_terms *terms, struct vzr_error *err);

/** Starts an empty sink on the locked file that the caller has put into fd, name and dir_fd. */
VZR_MUST_CHECK int vzr_sink_adopt(struct vzr_sink *sink, struct vzr_store *store,
				  const struct vzr_blob_terms *terms, struct vzr_error *err);

/** Takes @len bytes. -VZR_E_LIMIT, -VZR_E_DIGEST (more than the size in the terms), -errno. */
VZR_MUST_CHECK int vzr_sink_add(struct vzr_sink *sink, const void *data, size_t len,
				struct vzr_error *err);

/** Takes all bytes of @fd to its end; sends PROGRESS of @stage. */
VZR_MUST_CHECK int vzr_sink_copy(struct vzr_sink *sink, int fd, const char *stage,
				 struct vzr_error *err);

/** Forgets every byte. */
VZR_MUST_CHECK int vzr_sink_restart(struct vzr_sink *sink, struct vzr_error *err);

/** Takes what an earlier run left in the file: reads and hashes it. */
VZR_MUST_CHECK int vzr_sink_resume(struct vzr_sink *sink, struct vzr_error *err);

/** Writes the buffer out. */
VZR_MUST_CHECK int vzr_sink_flush(struct vzr_sink *sink, struct vzr_error *err);

/**
 * Checks size, digest and terms.verify, makes it durable, then visible and pinned. The digests are
 * used up: after a failure only vzr_sink_restart() or vzr_sink_done().
 */
VZR_MUST_CHECK int vzr_sink_publish(struct vzr_sink *sink, struct vzr_digest *ret_sha256,
				    struct vzr_error *err);

/** Closes; removes the named file unless it was published or is to be kept. */
void vzr_sink_done(struct vzr_sink *sink);
#define VZR_AUTO_SINK __attribute__((cleanup(vzr_sink_done)))
