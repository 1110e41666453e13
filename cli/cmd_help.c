/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* help: the help of vzroot or of one command. */
#include "cli/cli.h"

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	const struct cli_command *command;
	char name[64];

	(void)cli;
	(void)context;
	if (argc == 0) {
		vzr_cli_help(NULL, NULL);
		return 0;
	}
	snprintf(name, sizeof(name), "%.30s%s%.30s", argv[0], argc > 1 ? " " : "",
		 argc > 1 ? argv[1] : "");
	command = vzr_cli_command_find(name);
	if (!command && !vzr_cli_command_is_group(name))
		return vzr_cli_fail(err, -VZR_E_USAGE, "there is no command '%s'", name);
	vzr_cli_help(command, command ? NULL : name);
	return 0;
}

const struct cli_command vzr_cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.summary = "Print the help of vzroot or of a command",
	.max_args = 2,
	.complete = CLI_COMPLETE_COMMAND,
	.reports = true,
	.run = run,
};
