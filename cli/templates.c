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
