/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Users and groups with limits: their ids in a tree, and copies of them. */
#pragma once

#include "engine/base/error.h"

/**
 * Finds the ids of @asked (@count of them) in the passwd or group file of the tree. *ret_owners is
 * an array to free(), also on failure; its names are those of @asked. -VZR_E_NOT_FOUND for a name
 * that is not there, -VZR_E_INPUT for two names of one id.
 */
VZR_MUST_CHECK int vzr_owners_resolve(int tree_fd, const struct vzr_owner_limits *asked,
				      size_t count, bool is_group,
				      struct vzr_owner_limits **ret_owners,
				      struct vzr_error *err);

/**
 * Copies @from; where it knows the id only, the name is taken from @names. Free the result with
 * vzr_owners_free(), also after -ENOMEM.
 */
VZR_MUST_CHECK int vzr_owners_dup(const struct vzr_owner_limits *from, size_t count,
				  const struct vzr_owner_limits *names, size_t n_names,
				  struct vzr_owner_limits **ret, size_t *ret_count);
