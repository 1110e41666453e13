/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template list: the cached templates, and what the sources offer. */
#include "cli/json.h"
#include "cli/text.h"

struct list {
	bool remote;
};

static const struct cli_option options[] = {
	{ "remote", 0, NULL, "ask every enabled source, over the network too",
	  .offset = offsetof(struct list, remote), .apply = vzr_cli_set_flag },
	{ 0 },
};

static void print_json(struct vzr_template *const *list, size_t count)
{
	json_t *array = vzr_cli_json_pack("[]");

	for (size_t i = 0; i < count; i++)
		if (json_array_append_new(array, vzr_cli_json_template(list[i])) < 0)
			vzr_cli_no_memory();
	vzr_cli_json_print(array);
}

static void print_table(struct vzr_template *const *list, size_t count)
{
	static const char *const head[] = {
		"NAME", "SOURCE", "SIZE", "UNPACKED", "CACHED", "TRUST"
	};
	struct cli_table table = { .right = { [2] = true, [3] = true } };

	if (count == 0)
		return;
	vzr_cli_table_row(&table, head, CLI_COUNT(head));
	for (size_t i = 0; i < count; i++) {
		const struct vzr_template *t = list[i];
		char size[CLI_TEXT_MAX] = "", unpacked[CLI_TEXT_MAX] = "", time[CLI_TEXT_MAX] = "";

		if (t->size_bytes)
			vzr_cli_bytes_text(t->size_bytes, size);
		if (t->unpacked_kib)
			vzr_cli_kib_text(t->unpacked_kib, unpacked);
		if (t->cached)
			vzr_cli_time_text(t->time, time);
		vzr_cli_table_row(&table,
				  (const char *const[]){ t->name, t->source, size, unpacked, time,
							 t->trust },
				  CLI_COUNT(head));
	}
	vzr_cli_table_print(&table);
}

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
	if (cli->json)
		print_json(list, count);
	else if (!cli->quiet)
		print_table(list, count);
	for (size_t i = 0; cli->quiet && !cli->json && i < count; i++)
		printf("%s\n", list[i]->name);
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
