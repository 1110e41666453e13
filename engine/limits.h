/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small helpers over struct vzr_limits and lists of owners. */
#pragma once

#include "engine/base/error.h"

/** Every limit absent. */
#define VZR_LIMITS_NONE                                                                            \
	{                                                                                          \
		VZR_NO_LIMIT, VZR_NO_LIMIT, VZR_NO_LIMIT, VZR_NO_LIMIT, VZR_NO_LIMIT               \
	}

/** True if any limit (a grace time alone is none) is there. */
bool vzr_limits_any(const struct vzr_limits *limits);

/** Frees an array of owners with their names. */
void vzr_owners_free(struct vzr_owner_limits *owners, size_t count);
