/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the stages of one creation share. */
#pragma once

#include "engine/base/path.h"
#include "engine/prepared.h"
#include "engine/provision.h"
#include "engine/staging.h"

/** Everything that one creation holds. */
struct vzr_creation {
	struct vzr_engine *engine;	 /**< borrowed */
	const struct vzr_domain *domain; /**< borrowed */
	struct vzr_request request;	 /**< as asked */
	bool grouped; /**< durability is the caller's, for many at once: see provision.h */
	struct vzr_decision decision; /**< its ctid is set from the stage "claim" on */
	struct vzr_blob blob;	      /**< the template's bytes, from the stage "fetch" on */
	struct vzr_undo *undo;	      /**< the journal */
	struct vzr_staging staging;   /**< where the tree is made */
	int tree_fd;		      /**< what will be the private area */
	int root_fd;	      /**< the container's root: the tree, or what the area makes of it */
	char *overlay_lower;  /**< what the tree lies over; NULL: nothing */
	struct vzr_base base; /**< what the tree is cloned from, while it is */
	struct vzr_unpack_result unpacked; /**< what the tree came to */
	struct vzr_owner_limits *users; /**< copies of the domain's, with ids; names are borrowed */
	struct vzr_owner_limits *groups; /**< the same */
	struct vzr_kv quota_conf;	 /**< what the quota back end wants in the configuration */
	struct vzr_kv conf;		 /**< the target's configuration */
	struct vzr_quota_state state;	 /**< limits as they were read back */
	char name[VZR_NAME_MAX + 1];	 /**< the container's name; its id where it has none */
	char uuid[37];			 /**< 8-4-4-4-12 */
	struct vzr_container *container; /**< its record */
};

/**
 * Opens the staging directory for decision.ctid, which is recorded before it is used; not twice.
 */
VZR_MUST_CHECK int vzr_creation_open_staging(struct vzr_creation *creation, struct vzr_error *err);

/**
 * Gets the template's bytes and opens them. The stage "fetch", or, where the template is unpacked
 * while it comes, a part of the stage "area".
 */
VZR_MUST_CHECK int vzr_creation_fetch(struct vzr_creation *creation, struct vzr_error *err);

/** The stage "area": the tree is in staging, whole, and its root is open. */
VZR_MUST_CHECK int vzr_creation_area(struct vzr_creation *creation, struct vzr_error *err);
