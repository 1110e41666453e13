/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Template names: splitting, matching and comparing hold for any text. */
#include "templates/name.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is two names with a newline between them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *other = text ? strchr(text, '\n') : NULL;
	struct vzr_name_parts a = { 0 }, b = { 0 };

	if (other)
		*other++ = '\0';
	else
		other = text;
	if (text && vzr_name_split(text, VZR_ARCH_OPENVZ, &a) == 0 &&
	    vzr_name_split(other, VZR_ARCH_ALPINE, &b) == 0) {
		if (vzr_name_prefer(&a, &a, &b) * vzr_name_prefer(&a, &b, &a) > 0)
			abort();
		if (vzr_name_prefer(&a, &a, &a) != 0)
			abort();
		if (!vzr_name_matches(&a, "x86_64", &a) && (a.arch || !a.distro))
			abort();
		(void)vzr_name_matches(&a, "x86_64", &b);
		if (vzr_name_distance(text, text) != 0)
			abort();
		(void)vzr_name_distance(text, other);
	}
	vzr_name_parts_done(&a);
	vzr_name_parts_done(&b);
	free(text);
	return 0;
}
