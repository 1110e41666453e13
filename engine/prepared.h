/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which way fills a private area, and the prepared forms that some ways need. */
#pragma once

#include "engine/area/base.h"
#include "engine/plan.h"

/**
 * Chooses decision->area_best by what is possible on the private areas' file system, and tells the
 * free room there. -VZR_E_UNSUPPORTED with the reason if the way that is asked for is not possible.
 */
VZR_MUST_CHECK int vzr_area_choose(struct vzr_engine *engine, struct vzr_decision *d,
				   const struct vzr_request *request, struct vzr_error *err);

/**
 * Chooses decision->area and its reason by what is prepared for the template with this @digest
 * (NULL: not known yet). Call again when more is known. Changes nothing.
 */
VZR_MUST_CHECK int vzr_area_settle(struct vzr_engine *engine, struct vzr_decision *d,
				   const struct vzr_digest *digest, struct vzr_error *err);

/** Will the template be unpacked while it is downloaded? It is not cached and comes by network. */
bool vzr_area_streams(const struct vzr_decision *decision);

/**
 * Opens (and makes) the prepared form that decision->area clones; nothing for other ways. If there
 * is no room for one, the decision becomes "stream", unless a way was asked for.
 */
VZR_MUST_CHECK int vzr_area_prepare(struct vzr_engine *engine, struct vzr_decision *d,
				    const struct vzr_blob *blob, struct vzr_undo *undo,
				    struct vzr_base *ret_base, struct vzr_error *err);

/**
 * Makes the prepared form of the template ahead of those who clone it, in a transaction of its own.
 * Returns as vzr_base_open() does. decision->private_path must be set.
 */
VZR_MUST_CHECK int vzr_area_prepare_form(struct vzr_engine *engine, const struct vzr_decision *d,
					 const struct vzr_blob *blob, struct vzr_error *err);

/** Opens @path (which is cut) or the nearest directory above it that exists, or -errno. */
VZR_MUST_CHECK int vzr_open_nearest(int root_fd, char *path);
