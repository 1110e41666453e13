/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the commands over templates share. */
#pragma once

#include "cli/cli.h"

/** Prints the outcome @result ("pulled", ...) for @tmpl as an object or a line. */
void vzr_cli_template_result(struct cli *cli, const char *result, const struct vzr_template *tmpl);

/** Prints the outcome @result for @name of which nothing more is known. */
void vzr_cli_template_name_result(struct cli *cli, const char *result, const char *name);

/** Calls @fn for each of the names; each failure is told, a cancellation ends it. */
int vzr_cli_template_each(struct cli *cli, int argc, char **argv, const void *data,
			  int (*fn)(struct cli *cli, const char *name, const void *data,
				    struct vzr_error *err));

/** Prints templates: a table, their names with -q, an array with --json. */
void vzr_cli_templates_print(struct cli *cli, struct vzr_template *const *list, size_t count);
