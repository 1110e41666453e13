/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* destroy: removes containers, each on its own. */
#include "cli/json.h"

#include <inttypes.h>

static int destroy(struct cli *cli, const char *text, struct vzr_error *err)
{
	uint32_t ctid;
	int r = vzr_cli_set_ctid(&ctid, text, err);

	if (r == 0)
		r = vzr_cli_process_cancelled(err);
	if (r == 0)
		r = vzr_destroy(cli->engine, ctid, err);
	if (r < 0)
		return r;
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_pack("{s:s, s:o}", "result", "destroyed", "ctid",
						     vzr_cli_json_number(ctid)));
	else if (!cli->quiet)
		printf("container %" PRIu32 ": destroyed\n", ctid);
	return 0;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	uint32_t ctid;
	int r = 0;

	(void)context;
	/* A number that is none stops everything before the first container is gone. */
	for (int i = 0; r == 0 && i < argc; i++)
		r = vzr_cli_set_ctid(&ctid, argv[i], err);
	if (r == 0)
		r = vzr_cli_open(cli, err);
	if (r < 0)
		return r;
	for (int i = 0; i < argc; i++) {
		struct vzr_error reason = { 0 };

		r = destroy(cli, argv[i], &reason);
		if (r < 0)
			vzr_cli_report(cli, &reason);
		if (r == -VZR_E_CANCELLED)
			break;
	}
	return 0;
}

const struct cli_command vzr_cmd_destroy = {
	.name = "destroy",
	.args = "CTID...",
	.summary = "Remove containers with everything in them",
	.details = "Only containers that vzroot made. There is no way back and no question.",
	.min_args = 1,
	.max_args = -1,
	.complete = CLI_COMPLETE_CTID,
	.run = run,
};
