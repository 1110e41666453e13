/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of commands, out of the list in meson.build. */
#include "cli/cli.h"
#include "cli/command-table.h"

#include <string.h>

#define DECLARE(name) extern const struct cli_command vzr_cmd_##name;
VZR_COMMANDS(DECLARE)

static const struct cli_command *const commands[] = {
#define ENTRY(name) &vzr_cmd_##name,
	VZR_COMMANDS(ENTRY)
};

const struct cli_command *vzr_cli_command_get(size_t index)
{
	return index < CLI_COUNT(commands) ? commands[index] : NULL;
}

const struct cli_command *vzr_cli_command_find(const char *name)
{
	for (size_t i = 0; i < CLI_COUNT(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

bool vzr_cli_command_is_group(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < CLI_COUNT(commands); i++)
		if (strncmp(commands[i]->name, name, length) == 0 &&
		    commands[i]->name[length] == ' ')
			return true;
	return false;
}
