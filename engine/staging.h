/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where trees are made before they are published: PRIVATE-FS/.vzroot/staging, mode 0700, beside
 * the private areas so that publishing is one rename.
 */
#pragma once

#include "engine/settings.h"
#include "engine/undo.h"

#define VZR_STAGING_NAME 64

/** One place for one tree. */
struct vzr_staging {
	int fd;			     /**< the staging directory */
	char name[VZR_STAGING_NAME]; /**< name of the tree in it; unique */
};
#define VZR_STAGING_INIT                                                                           \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/**
 * Opens PRIVATE-FS/.vzroot/@name beside @private_path (a container's private area, as the target
 * sees it), mode 0700. With @make it is made; without, -ENOENT (and no message) if it is missing.
 * -VZR_E_NOT_TRUSTED if others can look into it.
 */
VZR_MUST_CHECK int vzr_own_dir_open(const struct vzr_settings *settings, const char *private_path,
				    const char *name, bool make, struct vzr_error *err);

/** The path of that directory, as the target sees it. NULL when out of memory. */
char *vzr_own_dir_path(const char *private_path, const char *name);

/**
 * Opens (and makes) the staging directory beside @private_path, picks a name that does not exist
 * and records it in the journal as never to be kept. The tree itself is not made.
 */
VZR_MUST_CHECK int vzr_staging_open(const struct vzr_settings *settings, const char *private_path,
				    uint32_t ctid, struct vzr_undo *undo,
				    struct vzr_staging *ret_staging, struct vzr_error *err);
void vzr_staging_close(struct vzr_staging *staging);
