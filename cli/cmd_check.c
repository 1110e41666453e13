/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* check: what a document says and what create would do with it. */
#include "cli/document.h"

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const struct vzr_request request = { .size = sizeof(request) };
	int r = vzr_cli_open(cli, err);

	(void)context;
	if (r < 0)
		return r;
	for (int i = 0; i < argc; i++) {
		struct vzr_error reason = { 0 };
		int result = vzr_cli_document_check(cli, argv[i], &request, &reason);

		if (result == -VZR_E_CANCELLED)
			return result;
	}
	return 0;
}

const struct cli_command vzr_cmd_check = {
	.name = "check",
	.args = "DOMAIN.xml...",
	.summary = "Read documents and print what create would do",
	.details = "Changes nothing and needs no root. - reads standard input.",
	.min_args = 1,
	.max_args = -1,
	.complete = CLI_COMPLETE_FILE,
	.reports = true,
	.run = run,
};
