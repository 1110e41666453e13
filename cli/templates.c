/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the commands over templates share: one outcome, and many names. */
#include "cli/templates.h"
#include "cli/json.h"
#include "cli/text.h"

void vzr_cli_template_result(struct cli *cli, const char *result, const struct vzr_template *tmpl)
{
	char size[CLI_TEXT_MAX];

	if (cli->json) {
		json_t *object = vzr_cli_json_pack("{s:s}", "result", result);

		if (json_object_update_new(object, vzr_cli_json_template(tmpl)) < 0)
			vzr_cli_no_memory();
		vzr_cli_json_print(object);
		return;
	}
	if (cli->quiet)
		return;
	if (cli->render->clear)
		cli->render->clear(cli);
	vzr_cli_title(tmpl->name, result);
	vzr_cli_field("source", tmpl->source);
	vzr_cli_field("trusted", tmpl->trust);
	vzr_cli_field("digest", tmpl->digest);
	if (tmpl->size_bytes)
		vzr_cli_field("size", vzr_cli_bytes_text(tmpl->size_bytes, size));
}

void vzr_cli_template_name_result(struct cli *cli, const char *result, const char *name)
{
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_pack("{s:s, s:o}", "result", result, "name",
						     vzr_cli_json_text(name)));
	else if (!cli->quiet)
		vzr_cli_title(name, result);
}

int vzr_cli_template_each(struct cli *cli, int argc, char **argv, const void *data,
			  int (*fn)(struct cli *cli, const char *name, const void *data,
				    struct vzr_error *err))
{
	for (int i = 0; i < argc; i++) {
		struct vzr_error err = { 0 };
		int r = vzr_cli_process_cancelled(&err);

		if (r == 0)
			r = fn(cli, argv[i], data, &err);
		if (r < 0)
			vzr_cli_report(cli, &err);
		vzr_cli_flush();
		if (r == -VZR_E_CANCELLED)
			break;
	}
	return 0;
}

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

void vzr_cli_templates_print(struct cli *cli, struct vzr_template *const *list, size_t count)
{
	if (cli->json)
		print_json(list, count);
	else if (!cli->quiet)
		print_table(list, count);
	for (size_t i = 0; cli->quiet && !cli->json && i < count; i++)
		printf("%s\n", list[i]->name);
}
