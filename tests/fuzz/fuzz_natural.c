/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The order of versions is an order: of any three texts it is antisymmetric and transitive. */
#include "engine/base/path.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* The input is three texts with '|' or NUL between them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *part[3];

	if (!text)
		return 0;
	for (int i = 0; i < 3; i++) {
		part[i] = rest ? strsep(&rest, "|") : NULL;
		if (!part[i]) {
			free(text);
			return 0;
		}
	}
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 3; j++) {
			int ij = sign(vzr_natural_compare(part[i], part[j]));
			int k = 3 - i - j;

			require(ij == -sign(vzr_natural_compare(part[j], part[i])));
			require((ij == 0) == (strcmp(part[i], part[j]) == 0));
			if (i == j || k == i || k == j)
				continue;
			if (ij < 0 && vzr_natural_compare(part[j], part[k]) < 0)
				require(vzr_natural_compare(part[i], part[k]) < 0);
		}
	free(text);
	return 0;
}
