/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template prepare: makes the forms that containers are cloned from. */
#include "cli/templates.h"

static int prepare(struct cli *cli, const char *name, const void *data, struct vzr_error *err)
{
	int r = vzr_template_prepare(cli->engine, name, err);

	(void)data;
	if (r >= 0)
		vzr_cli_template_name_result(cli, r == 1 ? "present" : "prepared", name);
	return r < 0 ? r : 0;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	int r = vzr_cli_open(cli, err);

	(void)context;
	return r < 0 ? r : vzr_cli_template_each(cli, argc, argv, NULL, prepare);
}

const struct cli_command vzr_cmd_template_prepare = {
	.name = "template prepare",
	.args = "NAME...",
	.summary = "Unpack templates once, to clone containers from",
	.details = "The prepared form is kept beside the private areas; a template that is\n"
		   "not cached is pulled first.",
	.min_args = 1,
	.max_args = -1,
	.complete = CLI_COMPLETE_TEMPLATE,
	.run = run,
};
