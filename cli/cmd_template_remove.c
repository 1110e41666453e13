/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template remove: takes templates out of the cache. */
#include "cli/templates.h"

static int remove_one(struct cli *cli, const char *name, const void *data, struct vzr_error *err)
{
	int r = vzr_template_remove(cli->engine, name, err);

	(void)data;
	if (r >= 0)
		vzr_cli_template_name_result(cli, "removed", name);
	return r < 0 ? r : 0;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	int r = vzr_cli_open(cli, err);

	(void)context;
	return r < 0 ? r : vzr_cli_template_each(cli, argc, argv, NULL, remove_one);
}

const struct cli_command vzr_cmd_template_remove = {
	.name = "template remove",
	.args = "NAME...",
	.summary = "Take templates out of the cache",
	.details = "Containers made from them stay as they are.",
	.min_args = 1,
	.max_args = -1,
	.complete = CLI_COMPLETE_TEMPLATE,
	.run = run,
};
