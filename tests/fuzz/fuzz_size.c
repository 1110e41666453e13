/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The small parsers of texts: numbers, units, digests, names, paths. What they accept must hold. */
#include "engine/base/digest.h"
#include "engine/base/path.h"
#include "engine/base/size.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void digest(const char *text)
{
	struct vzr_digest one, two;
	struct vzr_error err;
	char out[VZR_DIGEST_TEXT];

	if (vzr_digest_parse(text, &one, &err) < 0)
		return;
	require(vzr_digest_parse(vzr_digest_text(&one, out), &two, &err) == 0);
	require(vzr_digest_equal(&one, &two));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct vzr_error err;
	uint64_t value = 0;
	char out[256];

	if (!text)
		return 0;
	if (vzr_parse_uint(text, 1000, &value) == 0)
		require(value <= 1000 && strspn(text, "0123456789") == strlen(text));
	if (vzr_unit_factor(text, 1, &value) == 0)
		require(value >= 1 && strlen(text) <= 5);
	digest(text);
	if (vzr_name_check("name", text, &err) == 0)
		require(*text && !strpbrk(text, "/\n\"$`\\ ") && strcmp(text, "..") != 0);
	if (vzr_path_check("path", text, &err) == 0)
		require(*text == '/' && !strstr(text, "/../"));
	vzr_escape(out, sizeof(out), text);
	require(strlen(out) < sizeof(out) && !strpbrk(out, "\n\r\033"));
	free(vzr_path_expand(text, 101));
	free(text);
	return 0;
}
