/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* show: what is recorded of one container. */
#include "cli/json.h"
#include "cli/text.h"

#include <inttypes.h>

static void print_text(const struct vzr_container *c)
{
	char text[CLI_TEXT_MAX];

	printf("container %" PRIu32 "\n", c->ctid);
	vzr_cli_field("name", c->name);
	vzr_cli_field("uuid", c->uuid);
	vzr_cli_field("hostname", c->hostname);
	vzr_cli_field("private area", c->private_path);
	vzr_cli_field("template", c->template_name);
	vzr_cli_field("digest", c->digest);
	vzr_cli_field("source", c->source);
	vzr_cli_field("area", c->area);
	vzr_cli_field("quota", c->quota);
	vzr_cli_limits_fields(&c->vm, c->users, c->n_users, c->groups, c->n_groups);
	vzr_cli_field("handoff", c->handoff);
	vzr_cli_field("created", vzr_cli_time_text(c->created, text));
	vzr_cli_field("specification", c->specification);
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	CLI_AUTO_CONTAINER struct vzr_container *container = NULL;
	uint32_t ctid;
	int r = vzr_cli_set_ctid(&ctid, argv[0], err);

	(void)context;
	(void)argc;
	if (r == 0)
		r = vzr_cli_open(cli, err);
	if (r == 0)
		r = vzr_container_load(cli->engine, ctid, &container, err);
	if (r < 0)
		return r;
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_container(container));
	else
		print_text(container);
	return 0;
}

const struct cli_command vzr_cmd_show = {
	.name = "show",
	.args = "CTID",
	.summary = "Show what is recorded of a container",
	.min_args = 1,
	.max_args = 1,
	.complete = CLI_COMPLETE_CTID,
	.reports = true,
	.run = run,
};
