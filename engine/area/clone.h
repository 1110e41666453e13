/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A tree of ours becomes another one, by several threads: content shared or copied. */
#pragma once

#include "engine/base/event.h"

/** How a file's content gets there. */
enum vzr_clone_how {
	VZR_CLONE_COPY, /**< bytes are copied */
	VZR_CLONE_SHARE /**< extents are shared (FICLONE); copied where the file system refuses */
};

/** One tree to clone. Everything is borrowed. */
struct vzr_clone_job {
	struct vzr_context *ctx;
	int from_fd;		/**< a directory that nobody changes meanwhile */
	int to_fd;		/**< an empty directory */
	enum vzr_clone_how how;
	unsigned int writers;	/**< threads; 0: two for each processor, 4 to 16 */
	bool plain;		/**< nothing in the tree has extended attributes */
	uint64_t total_bytes;	/**< sum of the files' sizes, for progress; 0: not known */
	const char *label;	/**< in messages: the template's name */
};

/** What was made. */
struct vzr_clone_count {
	uint64_t inodes; /**< the root included */
	uint64_t bytes;	 /**< sum of the sizes of regular files */
};

/**
 * Makes @job->to_fd the same as @job->from_fd: content and holes, owners, modes, modification
 * times, hard and symbolic links, devices, fifos, user.* and security.capability attributes, ACLs.
 * What was set is read back. The threads cannot pass quotas (no CAP_SYS_RESOURCE). Blocks until
 * all of them ended. -ENOSPC, -EDQUOT, -VZR_E_CANCELLED, -EIO (something reads back differently);
 * on failure the tree is left incomplete for the caller to remove. Nothing is synced.
 */
VZR_MUST_CHECK int vzr_clone_tree(const struct vzr_clone_job *job,
				  struct vzr_clone_count *ret_count, struct vzr_error *err);
