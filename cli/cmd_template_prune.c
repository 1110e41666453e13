/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template prune: removes the forms that containers are cloned from. */
#include "cli/json.h"
#include "cli/templates.h"
#include "cli/text.h"

#include <time.h>

#define DAY 86400

struct prune {
	bool dry_run;
	int unused;
};

static int set_days(void *target, const char *argument, struct vzr_error *err)
{
	char *end;
	long days = strtol(argument, &end, 10);

	if (end == argument || *end || days < 0 || days > 36500)
		return vzr_cli_fail(err, -VZR_E_USAGE, "--unused takes a number of days, not '%s'",
				    argument);
	*(int *)target = (int)days;
	return 0;
}

static const struct cli_option options[] = {
	{ "dry-run", 'n', NULL, "only tell what would be removed",
	  .offset = offsetof(struct prune, dry_run), .apply = vzr_cli_set_flag },
	{ "unused", 0, "DAYS", "only forms not used for so many days",
	  .offset = offsetof(struct prune, unused), .apply = set_days },
	{ 0 },
};

struct outcome {
	struct cli *cli;
	const char *removed; /* the word for it */
};

static void tell(void *data, const struct vzr_prepared *prepared)
{
	const struct outcome *outcome = data;
	const char *result = prepared->removed ? outcome->removed : "in-use";
	char size[CLI_TEXT_MAX], time_text[CLI_TEXT_MAX];

	if (outcome->cli->json) {
		vzr_cli_json_print(vzr_cli_json_pack(
			"{s:s, s:s, s:o, s:o, s:I}", "result", result, "digest", prepared->digest,
			"unpacked_kib", vzr_cli_json_optional(prepared->unpacked_kib, 0),
			"unpacked_inodes", vzr_cli_json_optional(prepared->unpacked_inodes, 0),
			"last_use", (json_int_t)prepared->last_use));
		return;
	}
	if (outcome->cli->quiet)
		return;
	vzr_cli_title(prepared->digest, result);
	if (prepared->unpacked_kib)
		vzr_cli_field("size", vzr_cli_kib_text(prepared->unpacked_kib, size));
	vzr_cli_field("last used", vzr_cli_time_text(prepared->last_use, time_text));
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const struct prune *given = context;
	struct outcome outcome = { cli, given->dry_run ? "would-remove" : "removed" };
	int64_t since = given->unused ? (int64_t)time(NULL) - (int64_t)given->unused * DAY
				      : INT64_MAX;
	int r = vzr_cli_open(cli, err);

	(void)argc;
	(void)argv;
	return r < 0 ? r
		     : vzr_template_prune(cli->engine, since, given->dry_run, tell, &outcome, err);
}

const struct cli_command vzr_cmd_template_prune = {
	.name = "template prune",
	.args = "",
	.summary = "Remove the prepared forms that nothing uses right now",
	.details = "Templates and containers stay; the next container makes its form again.",
	.options = options,
	.context_size = sizeof(struct prune),
	.run = run,
};
