/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template search: what the sources offer, by words. */
#include "cli/templates.h"
#include "cli/text.h"

#include <string.h>

/* Every word stands in the name or is the source's. */
static bool matches(const struct vzr_template *tmpl, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strcasestr(tmpl->name, argv[i]) &&
		    (!tmpl->source || strcasecmp(tmpl->source, argv[i]) != 0))
			return false;
	return true;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	struct vzr_template **list = NULL;
	size_t count = 0, found = 0;
	int r = vzr_cli_open(cli, err);

	(void)context;
	if (r == 0)
		r = vzr_template_list(cli->engine, true, &list, &count, err);
	if (r < 0)
		return r;
	/* Those that match come first; the others only wait to be freed. */
	for (size_t i = 0; i < count; i++)
		if (matches(list[i], argc, argv)) {
			struct vzr_template *match = list[i];

			memmove(&list[found + 1], &list[found], (i - found) * sizeof(list[0]));
			list[found++] = match;
		}
	vzr_cli_templates_print(cli, list, found);
	vzr_template_list_free(list, count);
	return found ? 0 : vzr_cli_fail(err, -VZR_E_NOT_FOUND,
					"no template has these words in its name: try fewer, or "
					"see all with 'vzroot template list'");
}

const struct cli_command vzr_cmd_template_search = {
	.name = "template search",
	.args = "WORD...",
	.summary = "Find templates of all sources by words of their names",
	.details = "A word may also be the name of a source. With -q only names, one a line.",
	.min_args = 1,
	.max_args = 16,
	.reports = true,
	.run = run,
};
