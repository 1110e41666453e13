/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A second reader of the tar's structure, in front of libarchive: it follows the headers by their
 * sizes, refuses what readers of tar do not agree on, and bounds what libarchive will have to
 * hold in memory. Where both see a member they must see it at the same offset.
 */
#pragma once

#include "engine/base/buf.h"

#define VZR_TAR_BLOCK 512u
#define VZR_PAX_MAX ((size_t)1 << 20) /**< bytes of the extended header of one member */
#define VZR_SPARSE_MAX (128u << 10)   /**< regions of one sparse file */

/** What a PAX header says, as far as it matters here. */
struct vzr_pax {
	bool present;
	bool has_size;
	bool has_mtime;
	bool sparse;	 /**< any GNU.sparse key */
	bool sparse_map; /**< GNU.sparse.major=1: the map is in front of the data */
	bool not_utf8;	 /**< a name in it is not UTF-8: libarchive will warn */
	bool has_path;
	bool has_link;
	uint64_t size;	 /**< "size" */
	int64_t mtime_s; /**< "mtime", rounded down to a nanosecond */
	uint32_t mtime_ns;
	struct vzr_buf path; /**< "path", or GNU.sparse.name */
	struct vzr_buf link; /**< "linkpath" */
};

/**
 * Reads the records of an extended header of @len bytes at @body. @is_global: of a 'g' header, in
 * which nothing may stand that changes members. -VZR_E_ARCHIVE, -VZR_E_REFUSED, -ENOMEM.
 */
VZR_MUST_CHECK int vzr_pax_parse(const char *body, size_t len, bool is_global, struct vzr_pax *pax,
				 struct vzr_error *err);
void vzr_pax_done(struct vzr_pax *pax);

/** One member as the scanner saw it. */
struct vzr_scan_member {
	uint64_t offset; /**< of its first block, extended headers included */
	uint64_t stored; /**< bytes of data in the archive */
	bool has_mtime;
	bool sparse;
	bool not_utf8; /**< libarchive will warn of a name that it cannot convert */
	bool has_path;
	bool has_link;
	int64_t mtime_s;
	uint32_t mtime_ns;
	char header_name[101]; /**< the name field of its header, for messages */
	char *path; /**< raw bytes of an extended header, or NULL: as the tar header says */
	char *link;
};

void vzr_scan_member_done(struct vzr_scan_member *member);

struct vzr_scan;

/** An empty scanner. -ENOMEM. */
VZR_MUST_CHECK int vzr_scan_new(struct vzr_scan **ret_scan, struct vzr_error *err);
void vzr_scan_free(struct vzr_scan *scan);

/** Takes the next @len bytes of the tar. Refusals name the member. */
VZR_MUST_CHECK int vzr_scan_feed(struct vzr_scan *scan, const void *data, size_t len,
				 struct vzr_error *err);

/** To be called at the end of the input: was the end-of-archive mark there? */
VZR_MUST_CHECK int vzr_scan_end(const struct vzr_scan *scan, struct vzr_error *err);

/**
 * Hands out the next member in the order of the archive. The caller releases it.
 * False if there is none among the bytes fed so far.
 */
bool vzr_scan_take(struct vzr_scan *scan, struct vzr_scan_member *ret_member);
