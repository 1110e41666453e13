/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* create: from a document to a container that can be started. */
#include "cli/document.h"
#include "cli/json.h"
#include "cli/text.h"

#include <inttypes.h>

struct create {
	uint32_t ctid;
	const char *area;
	const char *quota;
	const char *handoff;
	bool dry_run;
	bool no_sync;
};

static const struct cli_option options[] = {
	{ "ctid", 0, "N", "the container's number; else the document's, or the first free one",
	  .offset = offsetof(struct create, ctid), .apply = vzr_cli_set_ctid },
	{ "area", 0, "NAME", "way to fill the private area, see version; else the best one",
	  .offset = offsetof(struct create, area), .apply = vzr_cli_set_text },
	{ "quota", 0, "NAME", "quota back end; none: enforce no limit, and record that",
	  .offset = offsetof(struct create, quota), .apply = vzr_cli_set_text },
	{ "handoff", 0, "NAME", "who runs the container; else the best one",
	  .offset = offsetof(struct create, handoff), .apply = vzr_cli_set_text },
	{ "dry-run", 'n', NULL, "print the plan as check does, and change nothing",
	  .offset = offsetof(struct create, dry_run), .apply = vzr_cli_set_flag },
	{ "no-sync", 0, NULL, "do not wait until the disk has it: a power cut may lose it",
	  .offset = offsetof(struct create, no_sync), .apply = vzr_cli_set_flag },
	{ 0 },
};

static void print_text(const struct vzr_container *c)
{
	printf("container %" PRIu32 ": created\n", c->ctid);
	vzr_cli_field("private area", c->private_path);
	vzr_cli_field("template", c->template_name);
	vzr_cli_field("digest", c->digest);
	vzr_cli_field("area", c->area);
	vzr_cli_field("quota", c->quota);
	vzr_cli_limits_fields(&c->vm, c->users, c->n_users, c->groups, c->n_groups);
	vzr_cli_field("handoff", c->handoff);
}

static int create(struct cli *cli, const char *path, const struct vzr_request *request,
		  struct vzr_error *err)
{
	CLI_AUTO_DOMAIN struct vzr_domain *domain = NULL;
	CLI_AUTO_CONTAINER struct vzr_container *container = NULL;
	int r = vzr_cli_document_load(path, &domain, err);

	if (r < 0)
		return r;
	vzr_cli_document_warn(cli, path, domain);
	r = vzr_create(cli->engine, domain, request, &container, err);
	if (r < 0)
		return r;
	if (cli->render->clear)
		cli->render->clear(cli);
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_created(container));
	else if (!cli->quiet)
		print_text(container);
	return 0;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const struct create *given = context;
	const struct vzr_request request = {
		.size = sizeof(request),
		.ctid = given->ctid,
		.area = given->area,
		.quota = given->quota,
		.handoff = given->handoff,
		.no_sync = given->no_sync,
	};
	int r;

	(void)argc;
	if (given->dry_run) {
		cli->reports = true;
		cli->log = stderr;
	}
	r = vzr_cli_open(cli, err);
	if (r < 0)
		return r;
	if (!given->dry_run)
		return create(cli, argv[0], &request, err);
	return vzr_cli_document_check(cli, argv[0], &request, err);
}

const struct cli_command vzr_cmd_create = {
	.name = "create",
	.args = "DOMAIN.xml",
	.summary = "Make the container that a domain's document describes",
	.details = "The template is fetched and verified if the cache does not have it. After a\n"
		   "failure nothing is left behind. - reads standard input.",
	.min_args = 1,
	.max_args = 1,
	.complete = CLI_COMPLETE_FILE,
	.options = options,
	.context_size = sizeof(struct create),
	.run = run,
};
