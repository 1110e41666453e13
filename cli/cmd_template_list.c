/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template list: the cached templates, and what the sources offer. */
#include "cli/templates.h"

struct list {
	bool remote;
};

static const struct cli_option options[] = {
	{ "remote", 0, NULL, "ask every enabled source, over the network too",
	  .offset = offsetof(struct list, remote), .apply = vzr_cli_set_flag },
	{ 0 },
};

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const struct list *given = context;
	struct vzr_template **list = NULL;
	size_t count = 0;
	int r = vzr_cli_open(cli, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = vzr_template_list(cli->engine, given->remote, &list, &count, err);
	if (r < 0)
		return r;
	vzr_cli_templates_print(cli, list, count);
	vzr_template_list_free(list, count);
	return 0;
}

const struct cli_command vzr_cmd_template_list = {
	.name = "template list",
	.args = "",
	.summary = "List cached templates and those of local sources",
	.details = "With -q only their names, one a line.",
	.reports = true,
	.options = options,
	.context_size = sizeof(struct list),
	.run = run,
};
