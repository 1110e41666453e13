/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Templates for OpenVZ's own tools: cache pre-population. */
#pragma once

#include "cache/store.h"
#include "engine/settings.h"

/**
 * Puts the blob at TEMPLATE/cache/NAME.tar[.gz|.bz2|.xz|...] so that "vzctl create --ostemplate
 * NAME" finds it: written whole under a name that vzctl does not look at, then renamed. An older
 * file of the same name is replaced; one of the same bytes stays. -VZR_E_UNSUPPORTED if vzctl has
 * no suffix for the compression (zstd, lz4), -VZR_E_EXISTS if an archive of the same name with a
 * suffix that vzctl prefers is there, -VZR_E_NOT_TRUSTED if others can write to the directory.
 */
VZR_MUST_CHECK int vzr_publish_openvz(const struct vzr_settings *settings,
				      const struct vzr_blob *blob, const struct vzr_name *name,
				      struct vzr_error *err);

/** Removes what publishing runs that were killed left in TEMPLATE/cache. */
void vzr_publish_recover(const struct vzr_settings *settings);
