/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The catalogue: one name, resolved over the cache and every source the site trusts.
 *
 * Order: the exact name in the cache, the exact name in each enabled source by priority, then
 * (no exact match) distro[-version][-arch][-variant] with the native architecture and the newest
 * version by natural order; several candidates left are -VZR_E_AMBIGUOUS and listed.
 * "SOURCE:NAME" asks that source only.
 */
#pragma once

#include "cache/fetch.h"
#include "cache/store.h"

/**
 * Looks at the bytes of @name before they become visible in the cache (readable from @fd by pread)
 * and fills in compression and unpacked_* of @record. A negative result refuses them.
 */
typedef int (*vzr_admit_fn)(void *data, int fd, struct vzr_name *record, struct vzr_error *err);

/** Where the catalogue finds things. Borrowed for its life time. */
struct vzr_catalogue_options {
	int root_fd;		   /**< the paths below are opened in it */
	const char *sources_dir;   /**< sources.d; absent: the built-in sources alone */
	const char *keys_dir;	   /**< pinned keyrings */
	const char *template_dir;  /**< the host's TEMPLATE: TEMPLATE/cache/NAME.tar* */
	const char *download_conf; /**< OpenVZ's download.conf; may be absent */
	const char *busybox;	   /**< static busybox on the host itself (not below root_fd) */
	const char *arch;	   /**< native architecture as uname says; NULL: ask uname */
	struct vzr_store *store;
	struct vzr_fetcher *fetcher;
	struct vzr_context *ctx;
	vzr_admit_fn admit; /**< last check of every new blob, after its signature; may be NULL */
	void *admit_data;
	const struct vzr_tap *tap; /**< sees every payload as it comes; may be NULL */
};

struct vzr_catalogue;

/** Name and summary of source kind number @index that is built in; false past the last one. */
bool vzr_source_kind(size_t index, const char **ret_name, const char **ret_summary);

/** Reads the source files. -VZR_E_CONFIG with file and line for a source that makes no sense. */
VZR_MUST_CHECK int vzr_catalogue_open(const struct vzr_catalogue_options *options,
				      struct vzr_catalogue **ret_catalogue, struct vzr_error *err);
void vzr_catalogue_close(struct vzr_catalogue *catalogue);

/** What a name stands for. Texts are owned; NULL where not known. */
struct vzr_artefact {
	char *name;	/**< the full name, as it will be cached */
	char *source;	/**< name of the source file, "busybox", "cache", ... */
	char *kind;	/**< "directory", "openvz", "openvz-cache", "busybox" */
	char *trust;	/**< why the bytes are trusted, one clause: "signed on ..." */
	char *location; /**< first URL or path; "built in" */
	char **urls;	/**< mirrors, n_urls of them; none for local kinds */
	size_t n_urls;
	bool has_digest;
	struct vzr_digest digest; /**< of the archive, from the verified index */
	uint64_t size_bytes;	  /**< 0: not known */
	bool cached;		  /**< the bytes are in the store under this digest */
	uint64_t unpacked_kib;	  /**< 0: not known */
	uint64_t unpacked_inodes;
	void *detail; /**< the source's own (freed by it through the artefact's source) */
};
void vzr_artefact_free(struct vzr_artefact *artefact);

#define VZR_RESOLVE_REFRESH (1u << 0) /* ask the sources even when the name is cached */

/** Finds what @name stands for; fetches indexes if it must, never a payload. */
VZR_MUST_CHECK int vzr_catalogue_resolve(struct vzr_catalogue *catalogue, const char *name,
					 unsigned int flags, struct vzr_artefact **ret_artefact,
					 struct vzr_error *err);

/**
 * Calls @fn for everything that @name could mean, the chosen one first. As vzr_catalogue_resolve()
 * without its events; *ret_artefact is what is chosen.
 */
VZR_MUST_CHECK int vzr_catalogue_explain(struct vzr_catalogue *catalogue, const char *name,
					 vzr_candidate_fn fn, void *data, struct vzr_error *err);

/**
 * Gets the artefact's bytes into the store, verified and admitted, and records the name with what
 * admit() told (a name that was there is replaced only now). Returns 1 if they were there already.
 * @ret_blob is open.
 */
VZR_MUST_CHECK int vzr_catalogue_fetch(struct vzr_catalogue *catalogue,
				       const struct vzr_artefact *artefact,
				       struct vzr_blob *ret_blob, struct vzr_error *err);

/** Cached templates and those of local sources; with @remote those of every source. Sorted. */
VZR_MUST_CHECK int vzr_catalogue_list(struct vzr_catalogue *catalogue, bool remote,
				      struct vzr_template ***ret_list, size_t *ret_count,
				      struct vzr_error *err);
