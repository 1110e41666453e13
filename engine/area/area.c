/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of ways to fill a private area. */
#include "engine/area/area.h"

#include "backends.h"
#include "engine/base/cleanup.h"

#include <string.h>

#define DECLARE(name) extern const struct vzr_area_ops vzr_area_##name;
VZR_AREA_BACKENDS(DECLARE)
#undef DECLARE

static const struct vzr_area_ops *const table[] = {
#define ENTRY(name) &vzr_area_##name,
	VZR_AREA_BACKENDS(ENTRY)
#undef ENTRY
};

const struct vzr_area_ops *vzr_area_get(size_t index)
{
	return index < VZR_COUNT(table) ? table[index] : NULL;
}

const struct vzr_area_ops *vzr_area_find(const char *name)
{
	for (size_t i = 0; i < VZR_COUNT(table); i++)
		if (strcmp(table[i]->name, name) == 0)
			return table[i];
	return NULL;
}
