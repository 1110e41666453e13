/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* recover: undoes or completes what a killed run left. */
#include "cli/json.h"

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	unsigned int count = 0;
	int r = vzr_cli_open(cli, err);

	(void)context;
	(void)argc;
	(void)argv;
	if (r == 0)
		r = vzr_recover(cli->engine, &count, err);
	if (r < 0)
		return r;
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_pack("{s:s, s:o}", "result", "recovered", "count",
						     vzr_cli_json_number(count)));
	else if (!cli->quiet && count == 0)
		puts("nothing to recover");
	else if (!cli->quiet)
		printf("unfinished operations handled: %u\n", count);
	return 0;
}

const struct cli_command vzr_cmd_recover = {
	.name = "recover",
	.args = "",
	.summary = "Undo or complete what a killed run left",
	.details = "Every command that changes something does this first; alone it is for a look\n"
		   "after a crash.",
	.run = run,
};
