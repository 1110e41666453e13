/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of handoff targets. */
#include "engine/handoff/handoff.h"

#include "backends.h"
#include "engine/base/cleanup.h"

#include <string.h>

#define HANDOFF_DECLARE(name) extern const struct vzr_handoff_ops vzr_handoff_##name;
VZR_HANDOFF_BACKENDS(HANDOFF_DECLARE)
#undef HANDOFF_DECLARE

static const struct vzr_handoff_ops *const targets[] = {
#define HANDOFF_ENTRY(name) &vzr_handoff_##name,
	VZR_HANDOFF_BACKENDS(HANDOFF_ENTRY)
#undef HANDOFF_ENTRY
	NULL,
};

const struct vzr_handoff_ops *vzr_handoff_get(size_t index)
{
	return index < VZR_COUNT(targets) ? targets[index] : NULL;
}

const struct vzr_handoff_ops *vzr_handoff_find(const char *name)
{
	for (size_t i = 0; targets[i]; i++)
		if (strcmp(targets[i]->name, name) == 0)
			return targets[i];
	return NULL;
}
