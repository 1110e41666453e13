/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a tree is, without its content: enough to tell whether a crash took something from it. */
#pragma once

#include "engine/base/digest.h"
#include "engine/base/event.h"

/** A tree as it was found. */
struct vzr_manifest {
	uint64_t names;	  /**< everything below the root, each hard link for itself */
	uint64_t bytes;	  /**< sum of the sizes of regular files, each hard link for itself */
	uint64_t xattrs;  /**< files and directories with attributes that a clone keeps */
	uint64_t sums[4]; /**< over paths, types, modes, owners, sizes, times, links */
};

/** Walks the tree @root_fd, which nobody changes meanwhile. -VZR_E_CANCELLED. */
VZR_MUST_CHECK int vzr_manifest_read(int root_fd, struct vzr_context *ctx,
				     struct vzr_manifest *ret_manifest, struct vzr_error *err);

#define VZR_MANIFEST_TEXT 160
/** The manifest as text; equal texts mean equal trees. Returns @out. */
char *vzr_manifest_text(const struct vzr_manifest *manifest, char out[VZR_MANIFEST_TEXT]);
