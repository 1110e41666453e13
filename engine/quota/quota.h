/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a quota backend is. One file each: engine/quota/NAME.c defines vzr_quota_NAME. */
#pragma once

#include "engine/base/event.h"
#include "engine/base/kv.h"
#include "engine/settings.h"
#include "engine/undo.h"

/** Limits of one container and where they are to hold. Everything is borrowed. */
struct vzr_quota_job {
	struct vzr_context *ctx;
	const struct vzr_settings *settings;
	const char *handoff;	  /**< name of the handoff that will run the container */
	uint32_t ctid;		  /**< 0 at plan time when it is not known yet */
	const char *private_path; /**< VE_PRIVATE, expanded, as the target sees it */
	const struct vzr_limits *vm;
	const struct vzr_owner_limits *users; /**< resolved, except at plan time */
	size_t n_users;
	const struct vzr_owner_limits *groups;
	size_t n_groups;
	uint64_t tree_inodes; /**< inodes of the unpacked tree; 0 at plan time */
	uint64_t owner_count; /**< distinct uids plus distinct gids of the tree; 0 at plan time */
	bool no_sync;
};

/** Limits as the back end holds them, for the caller to compare with what was asked. */
struct vzr_quota_state {
	struct vzr_limits vm;
	struct vzr_owner_limits *users; /**< owned; name is NULL where only the id is known */
	size_t n_users;
	struct vzr_owner_limits *groups;
	size_t n_groups;
};
void vzr_quota_state_done(struct vzr_quota_state *state);

#define VZR_QUOTA_REASON 256

/** Every member is required. */
struct vzr_quota_ops {
	const char *name;    /**< as in --quota=NAME; [a-z0-9-] */
	const char *summary; /**< one line, for --help and the man page */
	/**
	 * Can this back end make the kernel enforce everything that @job asks, for that handoff?
	 * 1 yes, 0 no; @reason says why, as one clause. Changes nothing.
	 */
	int (*probe)(const struct vzr_quota_job *job, char reason[VZR_QUOTA_REASON]);
	/**
	 * Sets the limits before the container is published. Pushes an undo record before each
	 * change on disk. Adds to @conf what the handoff must write into the target's
	 * configuration.
	 */
	int (*set)(const struct vzr_quota_job *job, struct vzr_undo *undo, struct vzr_kv *conf,
		   struct vzr_error *err);
	/** Reads what holds now: from disk or kernel, and from @conf as it will be published. */
	int (*read_back)(const struct vzr_quota_job *job, const struct vzr_kv *conf,
			 struct vzr_quota_state *ret_state, struct vzr_error *err);
	/** Removes what set() made, for destroy. Nothing there is no error. */
	int (*remove)(const struct vzr_quota_job *job, struct vzr_error *err);
};

/** Back end number @index in order of preference, NULL past the last one. */
const struct vzr_quota_ops *vzr_quota_get(size_t index);

/** The back end of that name, or NULL. */
const struct vzr_quota_ops *vzr_quota_find(const char *name);

/** True if any limit is asked for. */
bool vzr_quota_asked(const struct vzr_quota_job *job);

/**
 * Compares what was asked with what holds. 0, or -VZR_E_QUOTA_UNSUPPORTED naming the first limit
 * that is not as asked.
 */
VZR_MUST_CHECK int vzr_quota_compare(const struct vzr_quota_job *job,
				     const struct vzr_quota_state *state, struct vzr_error *err);
