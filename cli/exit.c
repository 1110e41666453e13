/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Exit statuses: one table from error code to class, for the process and for the man page. */
#include "cli/cli.h"

#include <errno.h>

enum {
	DONE = 0,
	FAILED = 1,
	USAGE = 2,
	NOT_FOUND = 3,
	NOT_TRUSTED = 4,
	NO_ROOM = 5,
	BUSY = 6,
	UNSUPPORTED = 7,
	BAD_INPUT = 8,
	CANCELLED = 130
};

static const struct {
	int status;
	const char *meaning;
} classes[] = {
	{ DONE, "done" },
	{ FAILED, "failed" },
	{ USAGE, "usage: the command line is wrong" },
	{ NOT_FOUND, "not found" },
	{ NOT_TRUSTED, "not trusted: digest, signature or policy" },
	{ NO_ROOM, "no space, or over quota" },
	{ BUSY, "busy: somebody else is at work on it" },
	{ UNSUPPORTED, "not supported here" },
	{ BAD_INPUT, "bad input: document, archive or configuration" },
	{ CANCELLED, "cancelled by a signal; what was begun is undone" },
};

static const struct {
	int code;
	int status;
} codes[] = {
	{ VZR_E_FAILED, FAILED },
	{ VZR_E_EXISTS, FAILED },
	{ VZR_E_NETWORK, FAILED },
	{ VZR_E_USAGE, USAGE },
	{ VZR_E_NOT_FOUND, NOT_FOUND },
	{ VZR_E_AMBIGUOUS, NOT_FOUND },
	{ VZR_E_NOT_TRUSTED, NOT_TRUSTED },
	{ VZR_E_DIGEST, NOT_TRUSTED },
	{ VZR_E_SIGNATURE, NOT_TRUSTED },
	{ VZR_E_NO_SPACE, NO_ROOM },
	{ VZR_E_OVER_QUOTA, NO_ROOM },
	{ ENOSPC, NO_ROOM },
	{ EDQUOT, NO_ROOM },
	{ VZR_E_BUSY, BUSY },
	{ EBUSY, BUSY },
	{ VZR_E_UNSUPPORTED, UNSUPPORTED },
	{ VZR_E_QUOTA_UNSUPPORTED, UNSUPPORTED },
	{ EOPNOTSUPP, UNSUPPORTED },
	{ ENOSYS, UNSUPPORTED },
	{ VZR_E_INPUT, BAD_INPUT },
	{ VZR_E_ILL_FORMED, BAD_INPUT },
	{ VZR_E_NOTHING, BAD_INPUT },
	{ VZR_E_ARCHIVE, BAD_INPUT },
	{ VZR_E_REFUSED, BAD_INPUT },
	{ VZR_E_LIMIT, BAD_INPUT },
	{ VZR_E_CONFIG, BAD_INPUT },
	{ VZR_E_CANCELLED, CANCELLED },
};

int vzr_cli_exit_status(int code)
{
	if (code >= 0)
		return DONE;
	for (size_t i = 0; i < CLI_COUNT(codes); i++)
		if (codes[i].code == -code)
			return codes[i].status;
	return FAILED;
}

void vzr_cli_dump_exit_codes(void)
{
	for (size_t i = 0; i < CLI_COUNT(classes); i++) {
		const char *separator = " (";

		printf("*%d*\n\t%s", classes[i].status, classes[i].meaning);
		for (size_t k = 0; k < CLI_COUNT(codes); k++) {
			if (codes[k].status != classes[i].status || codes[k].code < 1024)
				continue;
			printf("%s_%s_", separator, vzr_error_name(codes[k].code));
			separator = ", ";
		}
		printf("%s\n\n", *separator == ',' ? ")" : "");
	}
}
