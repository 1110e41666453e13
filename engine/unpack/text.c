/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of members in messages. */
#include "engine/unpack/text.h"

#include <stdio.h>
#include <string.h>

const char *vzr_brief(const char *name, char out[VZR_BRIEF])
{
	size_t len = strlen(name);

	if (len < 100)
		snprintf(out, VZR_BRIEF, "%s", name);
	else
		snprintf(out, VZR_BRIEF, "%.60s...%s", name, name + len - 36);
	return out;
}
