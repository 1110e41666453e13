/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* template import: takes an archive of the user's as a template. */
#include "cli/templates.h"

#include <string.h>

struct import {
	const char *name;
	const char *sha256;
};

static int set_digest(void *field, const char *value, struct vzr_error *err)
{
	if (strlen(value) != 64 || strspn(value, "0123456789abcdefABCDEF") != 64)
		return vzr_cli_fail(err, -VZR_E_USAGE, "--sha256 takes 64 hexadecimal digits");
	return vzr_cli_set_text(field, value, err);
}

static const struct cli_option options[] = {
	{ "name", 0, "NAME", "the template's name; required",
	  .offset = offsetof(struct import, name), .apply = vzr_cli_set_text },
	{ "sha256", 0, "HEX", "refuse the archive unless this is its digest",
	  .offset = offsetof(struct import, sha256), .apply = set_digest },
	{ 0 },
};

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const struct import *given = context;
	CLI_AUTO_TEMPLATE struct vzr_template *tmpl = NULL;
	CLI_AUTO_CLOSE int fd = -1;
	int r;

	(void)argc;
	if (!given->name)
		return vzr_cli_fail(err, -VZR_E_USAGE, "template import needs --name NAME");
	r = vzr_cli_open_input(argv[0], &fd, err);
	if (r == 0)
		r = vzr_cli_open(cli, err);
	if (r == 0)
		r = vzr_template_import(cli->engine, fd, given->name, given->sha256, &tmpl, err);
	if (r < 0)
		return r;
	vzr_cli_template_result(cli, "imported", tmpl);
	return 0;
}

const struct cli_command vzr_cmd_template_import = {
	.name = "template import",
	.args = "FILE",
	.summary = "Take an archive of your own as a template",
	.details = "A tar archive, plain or compressed by gzip, bzip2, xz, zstd or lz4.\n"
		   "- reads standard input.",
	.min_args = 1,
	.max_args = 1,
	.complete = CLI_COMPLETE_FILE,
	.options = options,
	.context_size = sizeof(struct import),
	.run = run,
};
