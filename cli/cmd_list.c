/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* list: every container that vzroot made. */
#include "cli/json.h"
#include "cli/text.h"

#include <inttypes.h>

static void print_json(struct vzr_container *const *list, size_t count)
{
	json_t *array = vzr_cli_json_pack("[]");

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(array, vzr_cli_json_container(list[i])) < 0)
			vzr_cli_no_memory();
	vzr_cli_json_print(array);
}

static void print_table(struct vzr_container *const *list, size_t count)
{
	static const char *const head[] = { "CTID",  "NAME",	"TEMPLATE", "AREA",
					    "QUOTA", "HANDOFF", "LIMIT",    "CREATED" };
	struct cli_table table = { .right = { [0] = true, [6] = true } };

	if (count == 0)
		return;
	vzr_cli_table_row(&table, head, CLI_COUNT(head));
	for (size_t i = 0; i < count; i++) {
		const struct vzr_container *c = list[i];
		char ctid[16], limit[CLI_TEXT_MAX] = "", created[CLI_TEXT_MAX];

		snprintf(ctid, sizeof(ctid), "%" PRIu32, c->ctid);
		if (c->vm.block_hard_kib != VZR_NO_LIMIT)
			vzr_cli_kib_text(c->vm.block_hard_kib, limit);
		vzr_cli_time_text(c->created, created);
		vzr_cli_table_row(&table,
				  (const char *const[]){ ctid, c->name, c->template_name, c->area,
							 c->quota, c->handoff, limit, created },
				  CLI_COUNT(head));
	}
	vzr_cli_table_print(&table);
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	struct vzr_container **list = NULL;
	size_t count = 0;
	int r = vzr_cli_open(cli, err);

	(void)context;
	(void)argc;
	(void)argv;
	if (r == 0)
		r = vzr_container_list(cli->engine, &list, &count, err);
	if (r < 0)
		return r;
	if (cli->json)
		print_json(list, count);
	else if (!cli->quiet)
		print_table(list, count);
	for (size_t i = 0; cli->quiet && !cli->json && i < count; i++)
		printf("%" PRIu32 "\n", list[i]->ctid);
	vzr_container_list_free(list, count);
	return 0;
}

const struct cli_command vzr_cmd_list = {
	.name = "list",
	.args = "",
	.summary = "List the containers that vzroot made",
	.details = "With -q only their CTIDs, one a line.",
	.reports = true,
	.run = run,
};
