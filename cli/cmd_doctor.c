/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* doctor: what this host can and cannot do, and how to enable it. */
#include "cli/json.h"
#include "cli/text.h"

struct findings {
	json_t *array; /* NULL: print a table */
	struct cli_table table;
};

static void add_finding(void *data, const struct vzr_finding *finding)
{
	struct findings *findings = data;
	const char *state = finding->state > 0 ? "ok" : finding->state == 0 ? "no" : "unknown";
	json_t *object;

	if (!findings->array) {
		vzr_cli_table_row(&findings->table,
				  (const char *const[]){ state, finding->what, finding->detail },
				  3);
		return;
	}
	object = vzr_cli_json_pack("{s:o, s:s, s:o}", "what", vzr_cli_json_text(finding->what),
				   "state", state, "detail", vzr_cli_json_text(finding->detail));
	if (json_array_append_new(findings->array, object) < 0)
		vzr_cli_no_memory();
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	struct findings findings = { .array = cli->json ? vzr_cli_json_pack("[]") : NULL };
	int r = vzr_cli_open(cli, err);

	(void)context;
	(void)argc;
	(void)argv;
	if (r == 0)
		r = vzr_doctor(cli->engine, add_finding, &findings, err);
	if (r < 0)
		json_decref(findings.array);
	else if (cli->json)
		vzr_cli_json_print(findings.array);
	vzr_cli_table_print(&findings.table);
	return r;
}

const struct cli_command vzr_cmd_doctor = {
	.name = "doctor",
	.args = "",
	.summary = "Tell what this host can do, and how to enable the rest",
	.details = "Changes nothing. Each line: ok, no or unknown; what; what was found or to do.",
	.reports = true,
	.run = run,
};
