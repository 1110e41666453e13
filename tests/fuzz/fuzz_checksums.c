/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checksum files and listings: what is taken from them never leaves its directory. */
#include "templates/internal.h"

#include "engine/base/path.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct vzr_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct vzr_entry *entry = &entries->items[i];

		if (vzr_name_check("name", entry->name, NULL) < 0 ||
		    (entry->file && (strchr(entry->file, '/') || entry->file[0] == '-')))
			abort();
	}
}

static void sums(const char *text, size_t size, const char *single, const struct vzr_list *suffixes)
{
	struct vzr_sums_request request = { .file = "SHA256SUMS",
					    .single = single,
					    .suffixes = suffixes };
	struct vzr_entries entries = { 0 };
	struct vzr_sums_info info;
	struct vzr_error err = VZR_ERROR_INIT;

	if (vzr_sums_parse(&request, text, size, &entries, &info, &err) == 0) {
		check(&entries);
		vzr_entries_sort(&entries);
	} else if (!err.msg[0]) {
		abort();
	}
	vzr_entries_done(&entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct vzr_list suffixes = { 0 };
	struct vzr_entries entries = { 0 };
	struct vzr_download_conf conf;
	struct vzr_buf packets = { 0 };

	if (vzr_split_blanks("tar.gz tar", &suffixes) < 0)
		abort();
	sums(text, size, NULL, &suffixes);
	sums(text, size, "t.tar.gz", &suffixes);
	if (vzr_listing_parse(text, size, 0, &entries, NULL) == 0)
		check(&entries);
	if (vzr_download_conf_parse(text, size, &conf, NULL) == 0)
		vzr_download_conf_done(&conf);
	if (vzr_dearmor(text, size, &packets, NULL) == 0 && packets.len > size)
		abort();
	vzr_buf_done(&packets);
	vzr_entries_done(&entries);
	vzr_list_done(&suffixes, free);
	return 0;
}
