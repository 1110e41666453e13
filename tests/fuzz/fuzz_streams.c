/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* simplestreams documents: what is taken from them never leaves the tree. */
#include "templates/internal.h"

#include "engine/base/path.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct vzr_list suffixes = { 0 };
	struct vzr_indexed found = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	char *path = NULL;

	if (vzr_split_blanks("tar.xz tar.gz", &suffixes) < 0)
		abort();
	if (vzr_products_parse("p", text, size, &suffixes, &found, &err) < 0 &&
	    !err.msg[0])
		abort();
	for (size_t i = 0; i < found.entries.count; i++)
		if (vzr_name_check("name", found.entries.items[i].name, NULL) < 0 ||
		    !vzr_location_ok(found.entries.items[i].file) ||
		    !found.entries.items[i].has_digest)
			abort();
	vzr_entries_sort(&found.entries);
	if (vzr_streams_path("i", text, size, &path, NULL) == 0 && !vzr_location_ok(path))
		abort();
	free(path);
	vzr_indexed_done(&found);
	vzr_list_done(&suffixes, free);
	return 0;
}
