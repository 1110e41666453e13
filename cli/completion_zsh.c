/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completion for zsh and fish. */
#include "cli/completion.h"

#include <string.h>

/* @text inside '...' of the shell, with a backslash before each of @marks. */
static void quoted(const char *text, const char *marks)
{
	for (; *text; text++) {
		if (*text == '\'')
			printf("'\\''");
		else if (strchr(marks, *text))
			printf("\\%c", *text);
		else
			putchar(*text);
	}
}

/* ---- zsh ---- */

/* The blank in front keeps _arguments from putting words of its own between ours. */
static const char *zsh_action(enum cli_complete complete)
{
	switch (complete) {
	case CLI_COMPLETE_FILE:
		return "_files";
	case CLI_COMPLETE_DIRECTORY:
		return "_files -/";
	case CLI_COMPLETE_CTID:
		return " _vzroot_ask list";
	case CLI_COMPLETE_TEMPLATE:
		return " _vzroot_ask template list";
	case CLI_COMPLETE_KEY:
		return " _vzroot_keys";
	case CLI_COMPLETE_COMMAND:
		return " _vzroot_commands";
	case CLI_COMPLETE_NONE:
		break;
	}
	return " ";
}

static void zsh_spec(const struct cli_option *option, const char *dashes, const char *name)
{
	printf(" \\\n\t\t'%s%s%s%s[", option->repeat ? "*" : "", dashes, name,
	       !option->arg ? ""
	       : dashes[1]  ? "="
			    : "+");
	quoted(option->help, "[]:");
	printf("]");
	if (option->arg)
		printf(":%s:%s", option->arg, zsh_action(option->complete));
	printf("'");
}

static void zsh_options(const struct cli_option *option)
{
	for (; option && option->name; option++) {
		if (!option->help)
			continue;
		zsh_spec(option, "--", option->name);
		if (option->letter)
			zsh_spec(option, "-", (char[]){ option->letter, '\0' });
	}
}

static void zsh_describe(const char *group)
{
	const struct cli_command *command;
	char name[32];

	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		const char *second = vzr_cli_completion_second(command);

		vzr_cli_completion_group(command, name);
		if (!group && !vzr_cli_completion_first(i))
			continue;
		if (group && (!second || strcmp(group, name) != 0))
			continue;
		printf(" \\\n\t\t'%s:", group ? second : name);
		quoted(second && !group ? "commands over templates" : command->summary, ":");
		printf("'");
	}
	printf("\n");
}

static void zsh_keys(void)
{
	const struct vzr_setting_info *keys;
	size_t count;

	printf("_vzroot_keys()\n{\n\tcompadd -S '' --");
	keys = vzr_settings_keys(&count);
	for (size_t i = 0; i < count; i++)
		printf(" %s=", keys[i].key);
	printf("\n}\n\n");
}

static void zsh_command_cases(const char *group)
{
	const struct cli_command *command;
	char name[32];

	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		const char *second = vzr_cli_completion_second(command);

		vzr_cli_completion_group(command, name);
		if (group ? !second || strcmp(group, name) != 0 : second != NULL)
			continue;
		printf("\t%s)\n\t\t_arguments -s $globals", group ? second : name);
		zsh_options(command->options);
		if (command->max_args)
			printf(" \\\n\t\t'*:argument:%s'", zsh_action(command->complete));
		printf(" ;;\n");
	}
}

static void zsh_group_cases(void)
{
	const struct cli_command *command;
	char name[32];

	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		if (!vzr_cli_completion_first(i) || !vzr_cli_completion_second(command))
			continue;
		vzr_cli_completion_group(command, name);
		printf("\t%s)\n"
		       "\t\t_arguments -C -s $globals '1: :_vzroot_%s' '*:: :->second'\n"
		       "\t\t[[ $state == second ]] && case $words[1] in\n",
		       name, name);
		zsh_command_cases(name);
		printf("\tesac ;;\n");
	}
}

void vzr_cli_completion_zsh(void)
{
	const struct cli_command *command;
	char name[32];

	printf("#compdef vzroot\n"
	       "# Generated from vzroot's tables.\n\n"
	       "_vzroot_ask()\n{\n"
	       "\tlocal -a names where\n"
	       "\tlocal name\n"
	       "\tfor name in --root --config; do\n"
	       "\t\t[[ -n ${opt_args[$name]} ]] && where+=($name ${(Q)opt_args[$name]})\n"
	       "\tdone\n"
	       "\tnames=(${(f)\"$(vzroot $where -q $@ 2>/dev/null)\"})\n"
	       "\tcompadd -a names\n}\n\n");
	zsh_keys();
	printf("_vzroot_commands()\n{\n\tlocal -a commands=(");
	zsh_describe(NULL);
	printf("\t)\n\t_describe command commands\n}\n\n");
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		if (!vzr_cli_completion_first(i) || !vzr_cli_completion_second(command))
			continue;
		vzr_cli_completion_group(command, name);
		printf("_vzroot_%s()\n{\n\tlocal -a commands=(", name);
		zsh_describe(name);
		printf("\t)\n\t_describe command commands\n}\n\n");
	}
	printf("_vzroot()\n{\n"
	       "\tlocal curcontext=$curcontext state line\n"
	       "\tlocal -A opt_args\n"
	       "\tlocal -a globals=(");
	zsh_options(vzr_cli_globals());
	printf("\n\t)\n"
	       "\t_arguments -C -s $globals '1: :_vzroot_commands' '*:: :->first'\n"
	       "\t[[ $state == first ]] || return\n"
	       "\tcase $words[1] in\n");
	zsh_command_cases(NULL);
	zsh_group_cases();
	printf("\tesac\n}\n\n_vzroot \"$@\"\n");
}

/* ---- fish ---- */

static const char *fish_action(enum cli_complete complete)
{
	switch (complete) {
	case CLI_COMPLETE_FILE:
		return " -F";
	case CLI_COMPLETE_DIRECTORY:
		return " -xa '(__fish_complete_directories)'";
	case CLI_COMPLETE_CTID:
		return " -xa '(__vzroot_ask list)'";
	case CLI_COMPLETE_TEMPLATE:
		return " -xa '(__vzroot_ask template list)'";
	case CLI_COMPLETE_KEY:
		return " -xa \"$__vzroot_keys\"";
	case CLI_COMPLETE_COMMAND:
		return " -xa \"$__vzroot_commands\"";
	case CLI_COMPLETE_NONE:
		break;
	}
	return "";
}

static void fish_options(const char *command, const struct cli_option *option)
{
	for (; option && option->name; option++) {
		if (!option->help)
			continue;
		printf("complete -c vzroot");
		if (command)
			printf(" -n '__vzroot_is \"%s\"'", command);
		printf(" -l %s", option->name);
		if (option->letter)
			printf(" -s %c", option->letter);
		if (option->arg)
			printf(" -r%s", fish_action(option->complete));
		printf(" -d '");
		quoted(option->help, "\\");
		printf("'\n");
	}
}

static void fish_command(size_t i)
{
	const struct cli_command *command = vzr_cli_command_get(i);
	const char *second = vzr_cli_completion_second(command);
	char name[32];

	vzr_cli_completion_group(command, name);
	if (vzr_cli_completion_first(i)) {
		printf("complete -c vzroot -n '__vzroot_is \"\"' -a %s -d '", name);
		quoted(second ? "commands over templates" : command->summary, "\\");
		printf("'\n");
	}
	if (second) {
		printf("complete -c vzroot -n '__vzroot_is \"%s\"' -a %s -d '", name, second);
		quoted(command->summary, "\\");
		printf("'\n");
	}
	if (command->complete != CLI_COMPLETE_NONE)
		printf("complete -c vzroot -n '__vzroot_is \"%s\"'%s\n", command->name,
		       fish_action(command->complete));
	fish_options(command->name, command->options);
}

/* The options that take the next word, for the walk over the line. */
static void fish_takers(const struct cli_option *option)
{
	for (; option && option->name; option++) {
		if (!option->help || !option->arg)
			continue;
		printf(" --%s", option->name);
		if (option->letter)
			printf(" -%c", option->letter);
	}
}

void vzr_cli_completion_fish(void)
{
	const struct vzr_setting_info *keys;
	const struct cli_command *command;
	size_t count;
	char name[32];

	printf("# fish completion for vzroot; generated from its tables.\n\n");
	printf("set -g __vzroot_keys");
	keys = vzr_settings_keys(&count);
	for (size_t i = 0; i < count; i++)
		printf(" %s=", keys[i].key);
	printf("\nset -g __vzroot_commands");
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++)
		if (vzr_cli_completion_first(i))
			printf(" %s", vzr_cli_completion_group(command, name));
	printf("\nset -g __vzroot_takers");
	fish_takers(vzr_cli_globals());
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++)
		fish_takers(command->options);
	printf("\n\nfunction __vzroot_is\n"
	       "\tset -l words\n"
	       "\tset -l skip 0\n"
	       "\tfor word in (commandline -opc)[2..]\n"
	       "\t\tif test $skip -eq 1\n"
	       "\t\t\tset skip 0\n"
	       "\t\telse if contains -- $word $__vzroot_takers\n"
	       "\t\t\tset skip 1\n"
	       "\t\telse if not string match -q -- '-*' $word\n"
	       "\t\t\tset -a words $word\n"
	       "\t\tend\n"
	       "\tend\n"
	       "\tset -l most 1\n"
	       "\ttest \"$words[1]\" = template; and set most 2\n"
	       "\ttest \"$words[1..$most]\" = \"$argv[1]\"\n"
	       "end\n\n"
	       "function __vzroot_ask\n"
	       "\tset -l where\n"
	       "\tset -l words (commandline -opc)\n"
	       "\tfor i in (seq 2 (count $words))\n"
	       "\t\tcontains -- $words[$i] --root --config\n"
	       "\t\tand set -a where $words[$i] $words[(math $i + 1)]\n"
	       "\tend\n"
	       "\tvzroot $where -q $argv 2>/dev/null\n"
	       "end\n\n"
	       "complete -c vzroot -f\n");
	fish_options(NULL, vzr_cli_globals());
	for (size_t i = 0; vzr_cli_command_get(i); i++)
		fish_command(i);
}
