/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Completion for bash, and what the scripts of all shells share. */
#include "cli/completion.h"

#include <string.h>

char *vzr_cli_completion_group(const struct cli_command *command, char out[32])
{
	snprintf(out, 32, "%.*s", (int)strcspn(command->name, " "), command->name);
	return out;
}

bool vzr_cli_completion_first(size_t index)
{
	char name[32], other[32];

	vzr_cli_completion_group(vzr_cli_command_get(index), name);
	for (size_t i = 0; i < index; i++)
		if (strcmp(vzr_cli_completion_group(vzr_cli_command_get(i), other), name) == 0)
			return false;
	return true;
}

const char *vzr_cli_completion_second(const struct cli_command *command)
{
	const char *blank = strchr(command->name, ' ');

	return blank ? blank + 1 : NULL;
}

/* The bash statement that completes an argument of this kind. */
static const char *bash_action(enum cli_complete complete)
{
	switch (complete) {
	case CLI_COMPLETE_FILE:
		return "_vzroot_paths -f";
	case CLI_COMPLETE_DIRECTORY:
		return "_vzroot_paths -d";
	case CLI_COMPLETE_CTID:
		return "_vzroot_offer \"$(_vzroot_ask list)\"";
	case CLI_COMPLETE_TEMPLATE:
		return "_vzroot_offer \"$(_vzroot_ask template list)\"";
	case CLI_COMPLETE_KEY:
		return "_vzroot_offer \"$_vzroot_keys\"; compopt -o nospace";
	case CLI_COMPLETE_COMMAND:
		return "_vzroot_offer \"$_vzroot_commands\"";
	case CLI_COMPLETE_NONE:
		break;
	}
	return ":";
}

static void bash_option_words(const struct cli_option *option)
{
	for (; option && option->name; option++) {
		if (!option->help)
			continue;
		printf(" --%s", option->name);
		if (option->letter)
			printf(" -%c", option->letter);
	}
}

/* One case label per option with an argument. */
static void bash_option_cases(const char *command, const struct cli_option *option)
{
	for (; option && option->name; option++) {
		if (!option->help || !option->arg)
			continue;
		printf("\t'%s'--%s", command, option->name);
		if (option->letter)
			printf(" | '%s'-%c", command, option->letter);
		printf(")\n\t\t%s\n\t\treturn ;;\n", bash_action(option->complete));
	}
}

static void bash_words(void)
{
	const struct cli_command *command;
	const struct vzr_setting_info *keys;
	size_t count;
	char name[32];

	printf("_vzroot_commands='");
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++)
		if (vzr_cli_completion_first(i))
			printf("%s%s", i ? " " : "", vzr_cli_completion_group(command, name));
	printf("'\n_vzroot_globals='");
	bash_option_words(vzr_cli_globals());
	printf("'\n_vzroot_keys='");
	keys = vzr_settings_keys(&count);
	for (size_t i = 0; i < count; i++)
		printf("%s%s=", i ? " " : "", keys[i].key);
	printf("'\n\n");
}

/* The second words of the groups, so that the walk over the line knows when a name is whole. */
static void bash_groups(void)
{
	const struct cli_command *command;
	char name[32], other[32];

	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		const struct cli_command *member;

		if (!vzr_cli_completion_first(i) || !vzr_cli_completion_second(command))
			continue;
		printf("\t%s)\n\t\t_vzroot_offer \"", vzr_cli_completion_group(command, name));
		for (size_t k = i; (member = vzr_cli_command_get(k)); k++)
			if (strcmp(vzr_cli_completion_group(member, other), name) == 0 &&
			    vzr_cli_completion_second(member))
				printf("%s ", vzr_cli_completion_second(member));
		printf("$_vzroot_globals\" ;;\n");
	}
}

static void bash_commands(void)
{
	const struct cli_command *command;

	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		printf("\t'%s')\n\t\tif [[ $cur == -* ]]; then\n\t\t\t_vzroot_offer \"",
		       command->name);
		bash_option_words(command->options);
		printf(" $_vzroot_globals\"\n\t\telse\n\t\t\t%s\n\t\tfi ;;\n",
		       bash_action(command->complete));
	}
}

static const char bash_head[] =
	"# bash completion for vzroot; generated from its tables. shellcheck shell=bash\n"
	"\n"
	"# Runs vzroot below the root of the command line; what it asks for needs no network.\n"
	"_vzroot_ask() { vzroot \"${where[@]}\" -q \"$@\" 2>/dev/null; }\n"
	"\n"
	"_vzroot_offer() { mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); }\n"
	"\n"
	"_vzroot_paths()\n"
	"{\n"
	"\tcompopt -o filenames\n"
	"\tmapfile -t COMPREPLY < <(compgen \"$1\" -- \"$cur\")\n"
	"}\n"
	"\n";

static const char bash_walk[] = "_vzroot()\n"
				"{\n"
				"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev='' command='' word i\n"
				"\tlocal -a where=()\n"
				"\tCOMPREPLY=()\n"
				"\t[[ $cur == '=' ]] && cur=''\n"
				"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
				"\t\tword=${COMP_WORDS[i]}\n"
				"\t\tif [[ $word == '=' ]]; then\n"
				"\t\t\tcontinue\n"
				"\t\telif [[ -n $prev ]]; then\n"
				"\t\t\tcase $prev in\n"
				"\t\t\t--root | --config) where+=(\"$prev\" \"$word\") ;;\n"
				"\t\t\tesac\n"
				"\t\t\tprev=''\n"
				"\t\telif [[ $word == -* ]]; then\n"
				"\t\t\tcase $word in\n";

static const char bash_tail[] = "\t\t\tesac\n"
				"\t\telif [[ -z $command ]]; then\n"
				"\t\t\tcommand=$word\n"
				"\t\telif [[ $command == template ]]; then\n"
				"\t\t\tcommand+=\" $word\"\n"
				"\t\tfi\n"
				"\tdone\n";

/* Table number @index of options: the global ones, then those of each command; false at the end. */
static bool option_table(size_t index, const struct cli_option **ret_options)
{
	const struct cli_command *command = index ? vzr_cli_command_get(index - 1) : NULL;

	*ret_options = index ? command ? command->options : NULL : vzr_cli_globals();
	return !index || command;
}

/* Does a table before number @end have an option of that name that takes a word? */
static bool is_taker_before(size_t end, const char *name)
{
	for (size_t i = 0; i < end; i++) {
		const struct cli_option *option;

		(void)option_table(i, &option);
		for (; option && option->name; option++)
			if (option->help && option->arg && strcmp(option->name, name) == 0)
				return true;
	}
	return false;
}

/* The options that take the next word, of any command: their names mean the same everywhere. */
static void bash_takers(void)
{
	const struct cli_option *option;

	for (size_t i = 0; option_table(i, &option); i++) {
		for (; option && option->name; option++) {
			if (!option->help || !option->arg || is_taker_before(i, option->name))
				continue;
			printf("\t\t\t--%s", option->name);
			if (option->letter)
				printf(" | -%c", option->letter);
			printf(") prev=$word ;;\n");
		}
	}
}

static void completion_bash(void)
{
	const struct cli_command *command;

	fputs(bash_head, stdout);
	bash_words();
	fputs(bash_walk, stdout);
	bash_takers();
	fputs(bash_tail, stdout);
	/* The argument of an option. */
	printf("\tcase $command$prev in\n");
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++)
		bash_option_cases(command->name, command->options);
	printf("\tesac\n\tcase $prev in\n");
	bash_option_cases("", vzr_cli_globals());
	printf("\tesac\n\tcase $command in\n");
	printf("\t'')\n\t\t_vzroot_offer \"$_vzroot_commands $_vzroot_globals\" ;;\n");
	bash_groups();
	bash_commands();
	printf("\tesac\n}\n\ncomplete -F _vzroot vzroot\n");
}

int vzr_cli_dump_completion(const char *shell, struct vzr_error *err)
{
	if (strcmp(shell, "bash") == 0)
		completion_bash();
	else if (strcmp(shell, "zsh") == 0)
		vzr_cli_completion_zsh();
	else if (strcmp(shell, "fish") == 0)
		vzr_cli_completion_fish();
	else
		return vzr_cli_fail(err, -VZR_E_USAGE,
				    "there is no completion for '%.64s', only "
				    "for bash, zsh and fish",
				    shell);
	return 0;
}
