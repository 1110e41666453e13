/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* version: the version, and what was built in. */
#include "cli/json.h"

static const struct {
	enum vzr_backend_kind kind;
	const char *plural;
} kinds[] = {
	{ VZR_BACKEND_SOURCE, "sources" },
	{ VZR_BACKEND_AREA, "areas" },
	{ VZR_BACKEND_QUOTA, "quotas" },
	{ VZR_BACKEND_HANDOFF, "handoffs" },
};

static json_t *backends_object(enum vzr_backend_kind kind)
{
	json_t *array = vzr_cli_json_pack("[]");
	const char *name, *summary;

	for (size_t i = 0; vzr_backend_get(kind, i, &name, &summary) == 0; i++)
		if (json_array_append_new(array, vzr_cli_json_pack("{s:s, s:s}", "name", name,
								   "summary", summary)) < 0)
			vzr_cli_no_memory();
	return array;
}

static void print_json(void)
{
	json_t *object = vzr_cli_json_pack("{s:s, s:s}", "version", vzr_version(), "features",
					   vzr_features());

	for (size_t i = 0; i < CLI_COUNT(kinds); i++)
		if (json_object_set_new(object, kinds[i].plural, backends_object(kinds[i].kind)) <
		    0)
			vzr_cli_no_memory();
	vzr_cli_json_print(object);
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const char *name, *summary;

	(void)context;
	(void)argc;
	(void)argv;
	(void)err;
	if (cli->json) {
		print_json();
		return 0;
	}
	printf("vzroot %s\n", vzr_version());
	if (cli->quiet)
		return 0;
	printf("features: %s\n", vzr_features());
	for (size_t k = 0; k < CLI_COUNT(kinds); k++) {
		printf("%s:\n", kinds[k].plural);
		for (size_t i = 0; vzr_backend_get(kinds[k].kind, i, &name, &summary) == 0; i++)
			printf("  %-14s  %s\n", name, summary);
	}
	return 0;
}

const struct cli_command vzr_cmd_version = {
	.name = "version",
	.args = "",
	.summary = "Print the version and what was built in",
	.reports = true,
	.run = run,
};
