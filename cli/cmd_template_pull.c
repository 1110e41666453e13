/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template pull: gets templates into the cache, verified. */
#include "cli/templates.h"

struct pull {
	bool publish;
	bool refresh;
};

static const struct cli_option options[] = {
	{ "publish", 0, NULL, "put it into TEMPLATE/cache too, where vzctl looks",
	  .offset = offsetof(struct pull, publish), .apply = vzr_cli_set_flag },
	{ "refresh", 0, NULL, "ask the source even when it is cached",
	  .offset = offsetof(struct pull, refresh), .apply = vzr_cli_set_flag },
	{ 0 },
};

static int pull(struct cli *cli, const char *name, const void *data, struct vzr_error *err)
{
	const struct pull *given = data;
	CLI_AUTO_TEMPLATE struct vzr_template *tmpl = NULL;
	unsigned int flags =
		(given->publish ? VZR_PULL_PUBLISH : 0) | (given->refresh ? VZR_PULL_REFRESH : 0);
	int r = vzr_template_pull(cli->engine, name, flags, &tmpl, err);

	if (r >= 0)
		vzr_cli_template_result(cli, r == 1 ? "present" : "pulled", tmpl);
	return r < 0 ? r : 0;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	int r = vzr_cli_open(cli, err);

	return r < 0 ? r : vzr_cli_template_each(cli, argc, argv, context, pull);
}

const struct cli_command vzr_cmd_template_pull = {
	.name = "template pull",
	.args = "NAME...",
	.summary = "Get templates into the cache, verified",
	.min_args = 1,
	.max_args = -1,
	.complete = CLI_COMPLETE_TEMPLATE,
	.options = options,
	.context_size = sizeof(struct pull),
	.run = run,
};
