/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of a directory, a bounded part at a time, in the order in which inodes lie on the disk. */
#pragma once

#include "engine/base/error.h"

#include <dirent.h>

/** One name. */
struct vzr_listed {
	uint64_t ino;	    /**< inode number */
	uint32_t name;	    /**< offset of the name in the listing's names */
	unsigned char type; /**< DT_*; DT_UNKNOWN where the file system does not say */
};

/** Some names. Zero-initialised it is empty. */
struct vzr_listing {
	struct vzr_listed *entries;
	size_t count;
	size_t size;	   /**< allocated entries */
	char *names;	   /**< one after the other, each with its NUL */
	size_t names_len;  /**< bytes used */
	size_t names_size; /**< allocated */
};

/** Most names that one vzr_listing_read() gives. */
#define VZR_LISTING_MAX 4096

/** A stream over the directory @fd (which stays open and keeps its position). */
VZR_MUST_CHECK int vzr_listing_open(int fd, DIR **ret_stream, struct vzr_error *err);

/**
 * Reads the next names into the empty @listing, without "." and "..". Returns 1 if there may be
 * more of them, 0 at the end. A part is ordered by inode number, names equal in that by name.
 */
VZR_MUST_CHECK int vzr_listing_read(DIR *stream, struct vzr_listing *listing,
				    struct vzr_error *err);

/** Copies @count entries from number @begin on. -ENOMEM. */
VZR_MUST_CHECK int vzr_listing_slice(const struct vzr_listing *listing, size_t begin, size_t count,
				     struct vzr_listing *ret_slice);

/** The name of @entry, lent. */
const char *vzr_listed_name(const struct vzr_listing *listing, const struct vzr_listed *entry);

void vzr_listing_done(struct vzr_listing *listing);
#define VZR_AUTO_LISTING __attribute__((cleanup(vzr_listing_done)))
