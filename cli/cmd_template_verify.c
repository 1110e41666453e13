/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template verify: reads cached bytes again and compares their digests. */
#include "cli/templates.h"

static int verify(struct cli *cli, const char *name, const void *data, struct vzr_error *err)
{
	int r = vzr_template_verify(cli->engine, name, err);

	(void)data;
	if (r >= 0)
		vzr_cli_template_name_result(cli, "verified", name);
	return r < 0 ? r : 0;
}

static int verify_all(struct cli *cli, struct vzr_error *err)
{
	struct vzr_template **list = NULL;
	size_t count = 0;
	int r = vzr_template_list(cli->engine, false, &list, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (list[i]->cached)
			(void)vzr_cli_template_each(cli, 1, &list[i]->name, NULL, verify);
	vzr_template_list_free(list, count);
	return 0;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	int r = vzr_cli_open(cli, err);

	(void)context;
	if (r < 0)
		return r;
	return argc == 0 ? verify_all(cli, err)
			 : vzr_cli_template_each(cli, argc, argv, NULL, verify);
}

const struct cli_command vzr_cmd_template_verify = {
	.name = "template verify",
	.args = "[NAME...]",
	.summary = "Read cached templates again and compare digests",
	.details = "Without names, all of them. One that has changed is not used any more.",
	.max_args = -1,
	.complete = CLI_COMPLETE_TEMPLATE,
	.run = run,
};
