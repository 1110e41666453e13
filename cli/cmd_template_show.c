/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template show: what a name resolves to. */
#include "cli/json.h"
#include "cli/text.h"

#include <inttypes.h>

static void print_text(const struct vzr_template *t)
{
	char text[CLI_TEXT_MAX];

	vzr_cli_title(t->name, t->cached ? "cached" : "not cached");
	vzr_cli_field("source", t->source);
	vzr_cli_field("location", t->location);
	vzr_cli_field("trusted", t->trust);
	vzr_cli_field("digest", t->digest);
	if (t->size_bytes)
		vzr_cli_field("size", vzr_cli_bytes_text(t->size_bytes, text));
	if (t->unpacked_kib)
		vzr_cli_fieldf("unpacked", "%s, %" PRIu64 " inodes",
			       vzr_cli_kib_text(t->unpacked_kib, text), t->unpacked_inodes);
	if (t->time)
		vzr_cli_field("since", vzr_cli_time_text(t->time, text));
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	CLI_AUTO_TEMPLATE struct vzr_template *tmpl = NULL;
	int r = vzr_cli_open(cli, err);

	(void)context;
	(void)argc;
	if (r == 0)
		r = vzr_template_show(cli->engine, argv[0], &tmpl, err);
	if (r < 0)
		return r;
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_template(tmpl));
	else
		print_text(tmpl);
	return 0;
}

const struct cli_command vzr_cmd_template_show = {
	.name = "template show",
	.args = "NAME",
	.summary = "Show what a name resolves to, and why it is trusted",
	.min_args = 1,
	.max_args = 1,
	.complete = CLI_COMPLETE_TEMPLATE,
	.reports = true,
	.run = run,
};
