/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Header lines of a hostile server, split at newlines as libcurl hands them over; and URLs. */
#include "cache/answer.h"
#include "cache/fetch.h"
#include "cache/url.h"
#include "engine/base/cleanup.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_url(const uint8_t *data, size_t size)
{
	VZR_AUTO_FREE char *url = malloc(size + 1);
	VZR_AUTO_FREE char *path = NULL;
	char shown[VZR_URL_SHOW];

	if (!url)
		return;
	memcpy(url, data, size);
	url[size] = '\0';
	vzr_url_show(url, shown);
	if (vzr_url_ok(url) && vzr_url_scheme(url) == VZR_SCHEME_FILE &&
	    (vzr_url_path(url, &path) < 0 || path[0] != '/'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vzr_asked asked = { .from = 5, .size_bytes = 10, .max_bytes = 10 };
	struct vzr_answer answer = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	for (size_t at = 0; at < size;) {
		const uint8_t *end = memchr(data + at, '\n', size - at);
		size_t len = end ? (size_t)(end - data) - at + 1 : size - at;

		vzr_answer_line(&answer, (const char *)data + at, len);
		one_url(data + at, len - (end != NULL));
		at += len;
	}
	/* What passes is what was asked for. */
	if (vzr_answer_check(&answer, &asked, &err) == VZR_OUTCOME_NONE &&
	    answer.status != 200 && (answer.first != 5 || answer.last != 9))
		abort();
	return 0;
}
