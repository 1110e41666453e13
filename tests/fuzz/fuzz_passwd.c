/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's passwd and group files: whatever they hold, an id that is found can be one. */
#include "engine/guest/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "root", "bob", "a" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) * 2; i++) {
		uint32_t id = 0;

		if (vzr_guest_parse_id((const char *)data, size, names[i / 2], i % 2, &id) == 0 &&
		    id == UINT32_MAX)
			abort();
	}
	return 0;
}
