/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Appliance indexes, compressed ones too: what is taken from them never leaves its directory. */
#include "templates/internal.h"

#include "engine/base/path.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const char *text, size_t size, const struct vzr_list *suffixes)
{
	struct vzr_entries entries = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	if (vzr_aplinfo_parse("aplinfo.dat", text, size, suffixes, &entries, &err) < 0 &&
	    !err.msg[0])
		abort();
	for (size_t i = 0; i < entries.count; i++)
		if (vzr_name_check("name", entries.items[i].name, NULL) < 0 ||
		    !vzr_location_ok(entries.items[i].file) ||
		    strstr(entries.items[i].file, "..") == entries.items[i].file)
			abort();
	vzr_entries_sort(&entries);
	vzr_entries_done(&entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vzr_buf packed = { .max = size + 1 }, out = { .max = 1 << 20 };
	struct vzr_list suffixes = { 0 };

	if (vzr_split_blanks("tar.gz tar.zst", &suffixes) < 0 ||
	    vzr_buf_add(&packed, data, size) < 0)
		abort();
	parse((const char *)data, size, &suffixes);
	if (vzr_gunzip(&packed, &out, NULL) == 0)
		parse(vzr_buf_cstr(&out), out.len, &suffixes);
	vzr_buf_done(&packed);
	vzr_buf_done(&out);
	vzr_list_done(&suffixes, free);
	return 0;
}
