/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template explain: everything that a name could mean, what is taken, and why. */
#include "cli/json.h"
#include "cli/text.h"

/* Where candidates go. */
struct explained {
	struct cli *cli;
	json_t *array; /* with --json */
};

static json_t *text_or_null(const char *text)
{
	return text ? vzr_cli_json_text(text) : json_null();
}

static void tell(void *data, const struct vzr_candidate *candidate)
{
	struct explained *explained = data;
	const char *state = candidate->chosen ? "chosen" : "not chosen";

	if (explained->array) {
		json_t *object = vzr_cli_json_pack(
			"{s:o, s:o, s:o, s:b, s:b, s:s}",
			"name", vzr_cli_json_text(candidate->name),
			"source", text_or_null(candidate->source),
			"trust", text_or_null(candidate->trust),
			"cached", (int)candidate->cached,
			"chosen", (int)candidate->chosen,
			"reason", candidate->reason);

		if (json_array_append_new(explained->array, object) < 0)
			vzr_cli_no_memory();
		return;
	}
	if (explained->cli->quiet) {
		if (candidate->chosen)
			printf("%s\n", candidate->name);
		return;
	}
	vzr_cli_title(candidate->name, state);
	vzr_cli_field("because", candidate->reason);
	vzr_cli_field("source", candidate->source);
	vzr_cli_field("cached", candidate->cached ? "yes" : "no");
	vzr_cli_field("trusted", candidate->trust);
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	struct explained explained = { .cli = cli };
	int r = vzr_cli_open(cli, err);

	(void)context;
	(void)argc;
	if (r < 0)
		return r;
	if (cli->json)
		explained.array = vzr_cli_json_pack("[]");
	r = vzr_template_explain(cli->engine, argv[0], tell, &explained, err);
	if (explained.array)
		vzr_cli_json_print(explained.array);
	return r;
}

const struct cli_command vzr_cmd_template_explain = {
	.name = "template explain",
	.args = "NAME",
	.summary = "Show everything that a name could mean, what is taken, and why",
	.min_args = 1,
	.max_args = 1,
	.complete = CLI_COMPLETE_TEMPLATE,
	.reports = true,
	.run = run,
};
