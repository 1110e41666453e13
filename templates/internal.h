/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A source as the files of templates/ share it: configuration, index entries, kind. */
#pragma once

#include "engine/base/kv.h"
#include "templates/catalogue.h"
#include "templates/name.h"
#include "templates/signature.h"

#include <sys/stat.h>

#define VZR_SUMS_MAX (1u << 20)		 /* bytes of a checksum file or listing */
#define VZR_SIGNATURE_MAX (64u << 10)	 /* bytes of a detached signature */
#define VZR_WEAK_MARK "weak_digests=yes" /* in a trust text: every use of it is a warning */
#define VZR_NONE_MARK "trust=none"	 /* the same */
#define VZR_ENTRIES_MAX 100000		 /* templates of one source */

/* ---- configuration: sources.d/NAME.conf ---- */

enum vzr_trust { VZR_TRUST_SIGNATURE, VZR_TRUST_CHECKSUM, VZR_TRUST_TLS, VZR_TRUST_NONE };

/** What one source file says. Texts are owned; lists are of owned texts. */
struct vzr_source_conf {
	char *name;	      /**< of the file without ".conf" */
	char *file;	      /**< path in messages; NULL: built in */
	char *kind;	      /**< "directory", ... */
	struct vzr_list urls; /**< mirrors, without '/' at the end */
	bool enabled;
	uint64_t priority; /**< 0..99; lower is asked first */
	enum vzr_trust trust;
	char *keyring;		      /**< a plain name in keys_dir, or an absolute path; or NULL */
	struct vzr_list fingerprints; /**< upper-case hex of pinned primary or sub keys */
	bool weak_digests;	      /**< signatures over SHA-1 are good enough */
	bool allow_rollback;	      /**< an index older than one seen before is accepted */
	char *index; /**< aplinfo: name of the index document; NULL: the kind's usual one */
	bool download_conf;	      /**< openvz: repositories of the host's download.conf */
	struct vzr_list suffixes;     /**< of archives, in order of preference, "tar.gz" */
	struct vzr_list repositories; /**< openvz: sub-directories with the same layout */
	enum vzr_arch_names arch_names;
};

/**
 * Parses the text of a source file. -VZR_E_CONFIG with file and line for an unknown key or kind, a
 * missing url, or a value that makes no sense. @name must be checked already.
 */
VZR_MUST_CHECK int vzr_source_conf_parse(const char *name, const char *file, const char *text,
					 size_t len, struct vzr_source_conf *ret_conf,
					 struct vzr_error *err);
void vzr_source_conf_done(struct vzr_source_conf *conf);
#define VZR_AUTO_SOURCE_CONF __attribute__((cleanup(vzr_source_conf_done)))

/* ---- a source and what it offers ---- */

/** What one name of a template is good for. */
enum vzr_entry_role {
	VZR_ENTRY_MAIN,	 /**< listed, found by parts of it */
	VZR_ENTRY_ALIAS, /**< found by parts of it, in no list */
	VZR_ENTRY_EXACT	 /**< found by all of it only, in no list */
};

/** One name of a template that a source offers. */
struct vzr_entry {
	char *name;	   /**< template name; owned */
	char *file;	   /**< file name below the source's URL, or NULL; owned */
	unsigned int rank; /**< of its suffix: of two files of one template the lower is taken */
	unsigned int repository; /**< openvz: which of the repositories lists it */
	enum vzr_entry_role role;
	bool has_digest;
	struct vzr_digest digest;
	uint64_t size_bytes; /**< of the file; 0: not known */
	char *serial; /**< of several builds of one name the newest, by natural order, is taken; or
			 NULL; owned */
};

/** The entries of one index. Zero-initialised it is empty. */
struct vzr_entries {
	struct vzr_entry *items;
	size_t count;
	size_t size; /**< allocated */
};

/** Appends @entry (taken over on success only). -ENOMEM, -VZR_E_LIMIT. Fills no message. */
VZR_MUST_CHECK int vzr_entries_add(struct vzr_entries *entries, struct vzr_entry entry);

/**
 * Appends @entry with copies of its texts (@file and @serial may be NULL). What may not be a name
 * of a template is left out. -ENOMEM, -VZR_E_LIMIT. Fills no message.
 */
VZR_MUST_CHECK int vzr_entries_add_named(struct vzr_entries *entries, struct vzr_entry entry,
					 const char *name, const char *file, const char *serial);

/**
 * Sorts by name and, of several files of one name, keeps the one with the newest serial, of those
 * the one with the lowest rank.
 */
void vzr_entries_sort(struct vzr_entries *entries);

/** The entry with this name, or NULL. The entries must be sorted. Lent. */
const struct vzr_entry *vzr_entries_find(const struct vzr_entries *entries, const char *name);
void vzr_entries_done(struct vzr_entries *entries);
#define VZR_AUTO_ENTRIES __attribute__((cleanup(vzr_entries_done)))

/** New bytes on their way into the store: who checks them last. */
struct vzr_intake {
	const struct vzr_catalogue_options *options; /**< whose admit() has the last word */
	struct vzr_name *record; /**< of the name, filled in by admit(); borrowed */
	bool admitted;		 /**< admit() accepted them */
	vzr_verify_fn verify;	 /**< the kind's own check before that; or NULL */
	void *verify_data;
};

/** The vzr_verify_fn for a struct vzr_intake: its own check, then the catalogue's admit(). */
int vzr_intake_verify(void *intake, int fd, uint64_t size_bytes, struct vzr_error *err);

struct vzr_source_ops;

/** A source at work. */
struct vzr_source {
	struct vzr_source_conf conf;
	const struct vzr_source_ops *ops;
	const struct vzr_catalogue_options *options; /**< borrowed */
	bool loaded; /**< load() was called: load_code tells how it went */
	int load_code;
	struct vzr_error load_error;
	struct vzr_entries entries; /**< what load() found, sorted */
	char *trust;		    /**< why the entries are trusted, set by load() */
	char *base; /**< URL that the index came from, by vzr_indexed_load(); NULL: there is none */
	void *state;		    /**< the kind's own; freed by ops->done */
};

/**
 * A kind of source: one file templates/source/NAME.c with `vzr_source_NAME`.
 * The way of all: load() the index into entries, describe() one, fetch() its bytes.
 */
struct vzr_source_ops {
	const char *name;		/**< as in kind= */
	const char *summary;		/**< one line */
	bool local;			/**< never asks the network */
	bool needs_url;			/**< url= is required */
	enum vzr_arch_names arch_names; /**< unless the source file says otherwise */
	const char *suffixes; /**< of archives unless the file says otherwise; NULL: the usual */

	/** Does @conf make sense for this kind? -VZR_E_CONFIG. May be NULL. */
	int (*check)(const struct vzr_source_conf *conf, struct vzr_error *err);

	/** Fills source->entries (any order) and source->trust from a verified index. */
	int (*load)(struct vzr_source *source, struct vzr_error *err);

	/**
	 * Fills trust, location, urls, digest and sizes of @artefact (name, source and kind are
	 * set) for @entry; with @entry NULL for a name that no index lists, if the kind can find
	 * that. -VZR_E_NOT_FOUND.
	 */
	int (*describe)(struct vzr_source *source, const struct vzr_entry *entry,
			struct vzr_artefact *artefact, struct vzr_error *err);

	/**
	 * Puts the artefact's bytes into the store under terms.verify = vzr_intake_verify with
	 * @intake. May correct trust and location of intake->record by what it found. 0, or 1 if
	 * the bytes were there.
	 */
	int (*fetch)(struct vzr_source *source, const struct vzr_artefact *artefact,
		     struct vzr_intake *intake, struct vzr_digest *ret_sha256,
		     struct vzr_error *err);

	/** Has what @name was made from changed since? Local kinds; NULL: never. */
	bool (*changed)(struct vzr_source *source, const struct vzr_name *name);

	/** Frees source->state. NULL: there is none. */
	void (*done)(struct vzr_source *source);
};

/** The kind called @name, or NULL. */
const struct vzr_source_ops *vzr_source_kind_find(const char *name);

/** Names of all kinds, ", " between them, into @out. Returns @out. */
char *vzr_source_kind_names(char *out, size_t size);

/** Calls load() once per catalogue and remembers how it went. */
VZR_MUST_CHECK int vzr_source_load(struct vzr_source *source, struct vzr_error *err);

/**
 * Whether @url may be asked at all by the source's trust: checksums that nobody signed prove
 * nothing over plain http. -VZR_E_NOT_TRUSTED.
 */
VZR_MUST_CHECK int vzr_source_check_url(const struct vzr_source *source, const char *url,
					struct vzr_error *err);

/** A source with @conf (taken over on success); its kind must exist. */
VZR_MUST_CHECK int vzr_source_create(const struct vzr_catalogue_options *options,
				     struct vzr_source_conf *conf, struct vzr_source **ret_source,
				     struct vzr_error *err);

/** Reads the source files and adds the built-in sources: *ret_sources, sorted by priority. */
VZR_MUST_CHECK int vzr_sources_read(const struct vzr_catalogue_options *options,
				    struct vzr_source ***ret_sources, size_t *ret_count,
				    struct vzr_error *err);
void vzr_source_destroy(struct vzr_source *source);

/* ---- helpers ---- */

/**
 * Reads file @path below @root_fd, which only root or we ourselves may have written; buf->max
 * bounds it. -VZR_E_NOT_FOUND if it is absent, -VZR_E_CONFIG if others can change it.
 */
VZR_MUST_CHECK int vzr_trusted_read(int root_fd, const char *path, struct vzr_buf *buf,
				    struct vzr_error *err);

/** True if only root or the caller can change what @st is of. */
bool vzr_trusted_stat(const struct stat *st);

/** "@base/@name" as a URL: bytes of @name that mean something in URLs, but '/', are %-encoded. */
char *vzr_url_join(const char *base, const char *name);

/**
 * Name of the template in archive @file: without its suffix, which must be one of @suffixes.
 * *ret_rank is the suffix' place there. NULL if it is no archive; the caller frees.
 */
char *vzr_template_name_of(const char *file, const struct vzr_list *suffixes,
			   unsigned int *ret_rank);

/** Sets the owned text @field to formatted text. -ENOMEM. */
VZR_MUST_CHECK int vzr_set_text(char **field, const char *fmt, ...) VZR_PRINTF(2, 3);

/** Splits @text at blanks into @list (owned texts). -ENOMEM. */
VZR_MUST_CHECK int vzr_split_blanks(const char *text, struct vzr_list *list);

/* ---- index formats ---- */

/** What a checksum file says beside its entries. */
struct vzr_sums_info {
	int64_t best_before; /**< seconds since 1970 at which it expires; 0: it does not say */
};

/**
 * Parses SHA256SUMS, SHA512SUMS and their dialects: each line is HEX, a blank, a blank or '*' or
 * nothing, and a file name; or "SHA256 (F) = HEX". Archives with one of @suffixes become entries;
 * other files and files in sub-directories are skipped. @single: the file is about that file only,
 * and may hold the bare HEX; NULL: an index. @file stands in messages.
 * -VZR_E_INPUT with the line for what is malformed, twice there or a path trick;
 * -VZR_E_NOT_TRUSTED for MD5, SHA-1 and clear-signed text.
 */
struct vzr_sums_request {
	const char *file;
	const char *single;
	const struct vzr_list *suffixes;
};
VZR_MUST_CHECK int vzr_sums_parse(const struct vzr_sums_request *request, const char *text,
				  size_t len, struct vzr_entries *entries,
				  struct vzr_sums_info *ret_info, struct vzr_error *err);

/** Parses an OpenVZ .listing: one template name per line. -VZR_E_INPUT with the line. */
VZR_MUST_CHECK int vzr_listing_parse(const char *text, size_t len, unsigned int repository,
				     struct vzr_entries *entries, struct vzr_error *err);

/**
 * Parses an appliance index (aplinfo.dat). Each template gets two names: that of its file and, for
 * the newest build, "debian-13-amd64-standard". Records without SHA-512, or of other things than
 * archives with one of @suffixes, are left out. @file stands in messages. -VZR_E_INPUT with the
 * line for what is malformed, cut off or leads out of the directory.
 */
VZR_MUST_CHECK int vzr_aplinfo_parse(const char *file, const char *text, size_t len,
				     const struct vzr_list *suffixes, struct vzr_entries *entries,
				     struct vzr_error *err);

/**
 * Parses the products of a simplestreams tree: the newest version of each product that has a root
 * archive with one of @suffixes and a SHA-256. Names are made of its aliases ("debian/12" of amd64
 * is debian-12-amd64), else of os, release, arch and variant. Fills in entries and updated of
 * @found. -VZR_E_INPUT with the line, or the product, for what is malformed.
 */
struct vzr_indexed;
VZR_MUST_CHECK int vzr_products_parse(const char *file, const char *text, size_t len,
				      const struct vzr_list *suffixes, struct vzr_indexed *found,
				      struct vzr_error *err);

/**
 * The path of the products with images in a simplestreams index, for the caller to free. It is
 * below the tree's URL. -VZR_E_INPUT if there is none or it leads out of it.
 */
VZR_MUST_CHECK int vzr_streams_path(const char *file, const char *text, size_t len,
				    char **ret_path, struct vzr_error *err);

/** A relative path below a URL without tricks: no "..", no empty part, nothing to be escaped. */
bool vzr_location_ok(const char *location);

/** Inflates the gzip file @packed into @buf, whose max bounds it. -VZR_E_INPUT, -VZR_E_LIMIT. */
VZR_MUST_CHECK int vzr_gunzip(const struct vzr_buf *packed, struct vzr_buf *buf,
			      struct vzr_error *err);

/** What OpenVZ's download.conf says; empty lists where it says nothing. */
struct vzr_download_conf {
	struct vzr_list repositories; /**< URLs */
	struct vzr_list suffixes;
	bool unchecked; /**< CHECK_TEMPLATE_SIG=no is written there */
};
VZR_MUST_CHECK int vzr_download_conf_parse(const char *text, size_t len,
					   struct vzr_download_conf *ret_conf,
					   struct vzr_error *err);
void vzr_download_conf_done(struct vzr_download_conf *conf);

/* ---- signatures and the memory of a source: index/SOURCE/ in the store ---- */

/**
 * Verifies detached @signature over all of @data_fd by the source's keyring and pins, and that it
 * is not older than one seen for @subject ("" for the index, else a template's name). @what stands
 * in messages. -VZR_E_SIGNATURE, -VZR_E_NOT_TRUSTED.
 */
struct vzr_source_signature {
	const char *what;
	const char *subject;
	int data_fd;
	const struct vzr_buf *signature;
};
VZR_MUST_CHECK int vzr_source_verify(struct vzr_source *source,
				     const struct vzr_source_signature *job,
				     struct vzr_signed_by *ret_by, struct vzr_error *err);

/** Remembers that @subject was seen signed at @time. A cache that may not be written is fine. */
VZR_MUST_CHECK int vzr_source_seen(struct vzr_source *source, const char *subject, int64_t time,
				   struct vzr_error *err);

/** The newest time seen for @subject by vzr_source_seen(); 0: none. */
VZR_MUST_CHECK int vzr_source_newest(const struct vzr_source *source, const char *subject,
				     int64_t *ret_time, struct vzr_error *err);

/** "signed by KEY on DATE" and what is weak about it, as an owned text; NULL: out of memory. */
char *vzr_signed_text(const struct vzr_source *source, const struct vzr_signed_by *signed_by);

/** An index document with its signature. */
struct vzr_index {
	char *name; /**< "SHA256SUMS" */
	char *base; /**< URL of the directory it came from */
	struct vzr_buf text;
	struct vzr_buf signature; /**< empty: there is none */
	int64_t fetched;	  /**< seconds since 1970 */
};
void vzr_index_done(struct vzr_index *index);
#define VZR_AUTO_INDEX __attribute__((cleanup(vzr_index_done)))

/** Stores a good index for times when no server answers. @part: "" or "repository 1". */
VZR_MUST_CHECK int vzr_index_save(struct vzr_source *source, const char *part,
				  const struct vzr_index *index, struct vzr_error *err);

/** Reads what was stored last. -VZR_E_NOT_FOUND. The caller verifies it again. */
VZR_MUST_CHECK int vzr_index_load(struct vzr_source *source, const char *part,
				  struct vzr_index *ret_index, struct vzr_error *err);

/**
 * The source's memory as a file of keys: reads index/SOURCE/@file; empty if it is not there or
 * damaged. Fails for want of memory only.
 */
VZR_MUST_CHECK int vzr_memory_read(const struct vzr_source *source, const char *file,
				   struct vzr_kv *ret_kv, struct vzr_error *err);

#define VZR_FILE_IDENTITY 160

/** Which file it is and when it last changed, as text: what was hashed once need not be again. */
void vzr_file_identity(const struct stat *st, char out[VZR_FILE_IDENTITY]);

/**
 * Locks the source's memory for reading and writing it back. *ret_fd is to be closed; -1 if the
 * cache may not be written, which is no error.
 */
VZR_MUST_CHECK int vzr_memory_lock(struct vzr_source *source, int *ret_fd, struct vzr_error *err);

/** Writes it. 0 also if the cache may not be written. */
VZR_MUST_CHECK int vzr_memory_write(struct vzr_source *source, const char *file,
				    const struct vzr_kv *kv, struct vzr_error *err);

/* ---- kinds whose index is one document ---- */

/** What an index gave. */
struct vzr_indexed {
	struct vzr_entries entries; /**< for parse() to fill */
	int64_t best_before;	    /**< for parse(): when it expires; 0: it does not say */
	int64_t updated;	    /**< for parse(): of when it is; 0: it does not say */
	int64_t signed_at;	    /**< 0: nobody signed */
	char *trust;		    /**< why the entries are trusted */
	const char *subject; /**< the caller's: as in struct vzr_source_signature; NULL: "" */
	void *data;	     /**< the caller's, for parse() */
};
void vzr_indexed_done(struct vzr_indexed *found);
#define VZR_AUTO_INDEXED __attribute__((cleanup(vzr_indexed_done)))

/** The format of such an index. */
struct vzr_index_format {
	const char *const *names; /**< documents to try in a mirror's directory, in this order */
	size_t n_names;		  /**< of them */
	size_t max_bytes;	  /**< of a document */
	bool gzipped; /**< NAME.gz is asked for first; signatures are of what is in it */
	/** Reads a document that was verified into @found. -VZR_E_INPUT with the place. */
	int (*parse)(const struct vzr_source *source, const struct vzr_index *index,
		     struct vzr_indexed *found, struct vzr_error *err);
};

/**
 * Gets one of the documents and, if the trust needs it, its signature F.asc, F.gpg or F.sign from
 * @base; verifies, parses, checks its age. -VZR_E_NOT_FOUND if there is none.
 */
VZR_MUST_CHECK int vzr_indexed_try(struct vzr_source *source,
				   const struct vzr_index_format *format, const char *base,
				   struct vzr_index *ret_index, struct vzr_indexed *found,
				   struct vzr_error *err);

/**
 * The load() of such a kind: from the first mirror that has a good index, else the one stored last.
 * -VZR_E_NOT_FOUND if no mirror has one.
 */
VZR_MUST_CHECK int vzr_indexed_load(struct vzr_source *source,
				    const struct vzr_index_format *format, struct vzr_error *err);

/** The describe() of such a kind: the entry's file below every mirror. */
VZR_MUST_CHECK int vzr_indexed_describe(struct vzr_source *source, const struct vzr_entry *entry,
					struct vzr_artefact *artefact, struct vzr_error *err);

/* ---- servers ---- */

/**
 * Gets document @name of directory @base into @buf. -VZR_E_NOT_FOUND, -VZR_E_NOT_TRUSTED (the URL
 * may not be asked), -VZR_E_LIMIT, -VZR_E_NETWORK.
 */
VZR_MUST_CHECK int vzr_document_get(struct vzr_source *source, const char *base, const char *name,
				    struct vzr_buf *buf, struct vzr_error *err);

/** Is there a file @name in directory @base? 1 yes, 0 no, < 0 it cannot be told. */
VZR_MUST_CHECK int vzr_document_exists(struct vzr_source *source, const char *base,
				       const char *name, struct vzr_error *err);

/** True if @code is for want of a server, so that what was stored may be used instead. */
bool vzr_is_offline(int code);

/** Warns that the index stored at @fetched is used because of @why. */
void vzr_warn_stored(struct vzr_source *source, int64_t fetched, const struct vzr_error *why);

/** Trust text for everything but signatures, an owned text; NULL: out of memory. */
char *vzr_unsigned_text(const struct vzr_source *source, const char *base);

/** Sets urls and location of @artefact to @file below each of @bases, @first (or NULL) first. */
VZR_MUST_CHECK int vzr_artefact_set_urls(struct vzr_artefact *artefact, const char *file,
					 const struct vzr_list *bases, const char *first,
					 struct vzr_error *err);

/** Downloads @artefact's urls into the store. 0, 1, or < 0 as vzr_fetch_blob(). */
VZR_MUST_CHECK int vzr_payload_get(struct vzr_source *source, const struct vzr_artefact *artefact,
				   struct vzr_intake *intake, struct vzr_digest *ret_sha256,
				   struct vzr_error *err);
