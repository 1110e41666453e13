/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a manifest: refused with a line, or rows whose values are not empty. */
#include "cli/manifest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cli_manifest manifest = { 0 };
	struct vzr_error err = { 0 };
	int r = vzr_cli_manifest_parse("input", (const char *)data, size, &manifest, &err);

	if (r < 0 && (!err.msg[0] || err.code != r || manifest.rows))
		abort();
	if (r == 0 && !manifest.n_rows)
		abort();
	for (size_t i = 0; i < manifest.n_rows; i++)
		for (size_t j = 0; j < manifest.rows[i].n_values; j++)
			if (!manifest.rows[i].values[j].key || !manifest.rows[i].values[j].value[0])
				abort();
	vzr_cli_manifest_done(&manifest);
	return 0;
}
