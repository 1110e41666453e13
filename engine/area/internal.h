/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the clone engine share. */
#pragma once

#include "engine/area/clone.h"

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define VZR_CLONE_BUFFER ((size_t)256 << 10)

struct vzr_links;

/** A directory under way: alive as long as something in it is still to be made. */
struct vzr_clone_dir {
	atomic_uint refs;
	int from;	/**< descriptor in the tree that is read */
	int to;		/**< descriptor in the tree that is made */
	struct stat st; /**< of @from */
	char *path;	/**< below the root, without a slash in front; "" for the root */
};

/** What the threads share. */
struct vzr_cloner {
	const struct vzr_clone_job *job;
	struct vzr_links *links;
	uid_t uid;	      /**< owner of what we make before it is given away */
	gid_t gid;
	atomic_bool stop;     /**< an error or a cancellation: end soon */
	atomic_ullong inodes; /**< made so far */
	atomic_ullong bytes;  /**< of content made so far */
};

/** What one thread has of its own. */
struct vzr_clone_worker {
	struct vzr_cloner *cloner;
	char *buffer; /**< VZR_CLONE_BUFFER bytes */
	bool masked;  /**< no umask gets in the way: the mode of a new file is what was asked for */
};

/**
 * Makes what @name in @dir is, unless it is a directory. @type: DT_*, not DT_DIR; DT_UNKNOWN is
 * looked up and may turn out to be a directory: 1 then, and nothing is made.
 */
VZR_MUST_CHECK int vzr_clone_entry(struct vzr_clone_worker *worker, struct vzr_clone_dir *dir,
				   unsigned char type, const char *name, struct vzr_error *err);

/** Copies or shares the content of @from (described by @st) into the new file @to. */
VZR_MUST_CHECK int vzr_clone_content(struct vzr_clone_worker *worker, int from,
				     const struct stat *st, int to, struct vzr_error *err);

/** Gives @to the attributes, owner, mode and time that @from (described by @st) has. */
VZR_MUST_CHECK int vzr_clone_attributes(struct vzr_clone_worker *worker, int from,
					const struct stat *st, int to, struct vzr_error *err);

/** Is @name an attribute that a clone keeps? */
bool vzr_clone_wants_xattr(const char *name);

/** Drops ACLs that the empty directory @to inherited from where it was made, and its group. */
VZR_MUST_CHECK int vzr_clone_clean_root(int to, uid_t uid, gid_t gid, struct vzr_error *err);

/* ---- hard links ---- */

/** Paths of files with several names, by inode. Every function may be called by any thread. */
VZR_MUST_CHECK int vzr_links_new(struct vzr_links **ret_links);
void vzr_links_free(struct vzr_links *links);

/**
 * Who makes inode @ino? 1: the caller, who then calls vzr_links_made(). 0: it is made; *ret_path
 * is its first name, lent for ever. Waits while another thread is making it. -ENOMEM; -EIO if
 * that thread failed.
 */
VZR_MUST_CHECK int vzr_links_claim(struct vzr_links *links, uint64_t ino, const char *dir,
				   const char *name, const char **ret_path);

/** The inode that the caller claimed exists (or, with @ok false, never will). */
void vzr_links_made(struct vzr_links *links, uint64_t ino, bool ok);
