/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small helpers over struct vzr_limits and lists of owners. */
#include "engine/limits.h"

#include <stdlib.h>

bool vzr_limits_any(const struct vzr_limits *limits)
{
	return limits->block_soft_kib != VZR_NO_LIMIT || limits->block_hard_kib != VZR_NO_LIMIT ||
	       limits->inode_soft != VZR_NO_LIMIT || limits->inode_hard != VZR_NO_LIMIT;
}

void vzr_owners_free(struct vzr_owner_limits *owners, size_t count)
{
	for (size_t i = 0; owners && i < count; i++)
		free(owners[i].name);
	free(owners);
}
