/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source files, and gpgv's status lines (which hold user ids that strangers chose). */
#include "templates/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vzr_signature_policy policy = { .now = 1700000000 };
	struct vzr_source_conf conf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_signed_by by;
	char *text = strndup((const char *)data, size);

	if (!text)
		return 0;
	if (vzr_source_conf_parse("x", "x.conf", text, strlen(text), &conf, &err) == 0) {
		if (!vzr_source_kind_find(conf.kind))
			abort();
	} else if (!err.msg[0]) {
		abort();
	}
	vzr_source_conf_done(&conf);
	/* Nothing is pinned, so nothing is good. */
	if (vzr_gpgv_judge("x", text, 0, &policy, &by, &err) >= 0)
		abort();
	free(text);
	return 0;
}
