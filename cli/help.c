/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Help out of the tables, at most 80 columns wide. */
#include "cli/cli.h"

#include <string.h>

#define TEXT_COLUMN 27
#define WIDTH 79

/* Prints @text from column TEXT_COLUMN on, broken at blanks. */
static void print_text(int column, const char *text)
{
	while (*text) {
		size_t length = strcspn(text, " ");

		if (column > TEXT_COLUMN && column + 1 + (int)length > WIDTH) {
			putchar('\n');
			column = 0;
		}
		if (column < TEXT_COLUMN) {
			printf("%*s", TEXT_COLUMN - column, "");
			column = TEXT_COLUMN;
		} else {
			putchar(' ');
			column++;
		}
		printf("%.*s", (int)length, text);
		column += (int)length;
		text += length + strspn(text + length, " ");
	}
	putchar('\n');
}

static void print_options(const char *title, const struct cli_option *option)
{
	printf("\n%s:\n", title);
	for (; option->name; option++) {
		int column;

		if (!option->help)
			continue;
		column = option->letter ? printf("  -%c, ", option->letter) : printf("      ");
		column += printf("--%s", option->name);
		if (option->arg)
			column += printf(" %s", option->arg);
		if (column >= TEXT_COLUMN) {
			putchar('\n');
			column = 0;
		}
		print_text(column, option->help);
	}
}

/* @group NULL: all commands; else those that begin with it. */
static void print_commands(const char *group)
{
	const struct cli_command *command;
	size_t length = group ? strlen(group) : 0;

	printf("\nCommands:\n");
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++)
		if (!group ||
		    (strncmp(command->name, group, length) == 0 && command->name[length] == ' '))
			print_text(printf("  %s", command->name), command->summary);
}

void vzr_cli_help(const struct cli_command *command, const char *group)
{
	if (command) {
		printf("Usage: vzroot [OPTION...] %s%s%s%s\n", command->name,
		       command->options ? " [OPTION...]" : "", *command->args ? " " : "",
		       command->args);
		printf("%s.\n", command->summary);
		if (command->details)
			printf("\n%s\n", command->details);
		if (command->options)
			print_options("Options", command->options);
		print_options("Options of every command", vzr_cli_globals());
		return;
	}
	printf("Usage: vzroot [OPTION...]%s%s COMMAND [ARGUMENT...]\n", group ? " " : "",
	       group ? group : "");
	printf("From the XML of a domain to the ready root of a container.\n");
	print_commands(group);
	print_options("Options of every command", vzr_cli_globals());
	printf("\n'vzroot help COMMAND' tells more; so do the manual pages vzroot(8) and\n"
	       "vzroot-COMMAND(8).\n");
}
