/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line: the option tables turned into what getopt_long() wants, and its answers. */
#include "cli/cli.h"

#include <getopt.h>
#include <string.h>

#define OPTIONS_MAX 40
#define LONG_BASE 256

static int add_set(void *field, const char *value, struct vzr_error *err)
{
	struct cli_sets *sets = field;

	if (value[0] == '=' || !strchr(value, '='))
		return vzr_cli_fail(err, -VZR_E_USAGE, "--set takes KEY=VALUE, not '%.64s'", value);
	if (sets->count == CLI_SETS_MAX)
		return vzr_cli_fail(err, -VZR_E_USAGE, "--set is given more than %d times",
				    CLI_SETS_MAX);
	sets->values[sets->count++] = value;
	return 0;
}

#define FIELD(name) .offset = offsetof(struct cli, name)

static const struct cli_option globals[] = {
	{ "root", 0, "DIR", "put every path of ours and of the target below DIR",
	  CLI_COMPLETE_DIRECTORY, FIELD(root), .apply = vzr_cli_set_text },
	{ "config", 0, "FILE", "read FILE instead of /etc/vzroot/vzroot.conf", CLI_COMPLETE_FILE,
	  FIELD(config), .apply = vzr_cli_set_text },
	{ "set", 'o', "KEY=VALUE", "set a key of vzroot.conf(5) for this run", CLI_COMPLETE_KEY,
	  .repeat = true, FIELD(sets), .apply = add_set },
	{ "json", 0, NULL, "print JSON on standard output, one object a line", FIELD(json),
	  .apply = vzr_cli_set_flag },
	{ "quiet", 'q', NULL, "print errors only; lists print names only", FIELD(quiet),
	  .apply = vzr_cli_set_flag },
	{ "verbose", 'v', NULL, "tell every step", FIELD(verbose), .apply = vzr_cli_set_flag },
	{ "help", 'h', NULL, "print this help", FIELD(help), .apply = vzr_cli_set_flag },
	{ "version", 0, NULL, "print the version, like the command version", FIELD(version),
	  .apply = vzr_cli_set_flag },
	{ "dump-options", .apply = vzr_cli_set_flag, FIELD(dump_options) },
	{ "dump-exit-codes", .apply = vzr_cli_set_flag, FIELD(dump_exit_codes) },
	{ "dump-settings", .apply = vzr_cli_set_flag, FIELD(dump_settings) },
	{ "dump-completion", .arg = "SHELL", FIELD(dump_completion), .apply = vzr_cli_set_text },
	{ 0 },
};

const struct cli_option *vzr_cli_globals(void)
{
	return globals;
}

/* The global options first, then the command's: an index is the same in every array. */
struct parser {
	const struct cli_option *options[OPTIONS_MAX];
	void *contexts[OPTIONS_MAX];
	bool seen[OPTIONS_MAX];
	struct option longs[OPTIONS_MAX + 1];
	char letters[2 * OPTIONS_MAX + 3];
	size_t count;
};

static void add_options(struct parser *parser, const struct cli_option *options, void *context)
{
	size_t used = strlen(parser->letters);

	for (; options && options->name && parser->count < OPTIONS_MAX; options++) {
		size_t i = parser->count++;

		parser->options[i] = options;
		parser->contexts[i] = context;
		parser->longs[i] = (struct option){ options->name,
						    options->arg ? required_argument : no_argument,
						    NULL, LONG_BASE + (int)i };
		if (!options->letter)
			continue;
		parser->letters[used++] = options->letter;
		if (options->arg)
			parser->letters[used++] = ':';
		parser->letters[used] = '\0';
	}
}

/* Which option a return value or optopt of getopt_long() means; OPTIONS_MAX: none. */
static size_t option_index(const struct parser *parser, int value)
{
	if (value >= LONG_BASE && value < LONG_BASE + (int)parser->count)
		return (size_t)(value - LONG_BASE);
	for (size_t i = 0; value && i < parser->count; i++)
		if (parser->options[i]->letter == value)
			return i;
	return OPTIONS_MAX;
}

static int bad_option(const struct parser *parser, int answer, const char *word,
		      struct vzr_error *err)
{
	size_t i = option_index(parser, optopt);

	if (answer == ':')
		return vzr_cli_fail(err, -VZR_E_USAGE, "option --%s needs %s",
				    parser->options[i]->name, parser->options[i]->arg);
	if (i < OPTIONS_MAX)
		return vzr_cli_fail(err, -VZR_E_USAGE, "option --%s takes no value",
				    parser->options[i]->name);
	if (optopt)
		return vzr_cli_fail(err, -VZR_E_USAGE, "unknown option -%c", optopt);
	return vzr_cli_fail(err, -VZR_E_USAGE, "unknown option %.64s", word);
}

static int apply_option(struct parser *parser, size_t i, struct vzr_error *err)
{
	const struct cli_option *option = parser->options[i];

	/* A flag said twice says nothing new; of two values one would be dropped unseen. */
	if (parser->seen[i] && option->arg && !option->repeat)
		return vzr_cli_fail(err, -VZR_E_USAGE, "option --%s is given twice", option->name);
	parser->seen[i] = true;
	return option->apply((char *)parser->contexts[i] + option->offset, optarg, err);
}

/*
 * Applies the options in @argv (argv[0] is skipped). @mode "+": only up to the first operand;
 * "": all, and the operands are moved to the end. *ret_index: where the operands begin.
 */
static int parse_options(struct parser *parser, const char *mode, int argc, char **argv,
			 int *ret_index, struct vzr_error *err)
{
	char letters[sizeof(parser->letters) + 2];
	int answer;

	snprintf(letters, sizeof(letters), "%s:%s", mode, parser->letters);
	memset(&parser->longs[parser->count], 0, sizeof(parser->longs[0]));
	optind = 0; /* glibc's way to start afresh */
	opterr = 0;
	while ((answer = getopt_long(argc, argv, letters, parser->longs, NULL)) != -1) {
		size_t i = option_index(parser, answer);
		int r = i < OPTIONS_MAX ? apply_option(parser, i, err)
					: bad_option(parser, answer, argv[optind - 1], err);

		if (r < 0)
			return r;
	}
	*ret_index = optind;
	return 0;
}

/* Finds the command, with global options before, between and after its words. */
static int parse_command(struct parser *parser, int *argc, char ***argv, struct cli_line *line,
			 struct vzr_error *err)
{
	char name[64] = "";

	while (!line->command) {
		int next;
		int r = parse_options(parser, "+", *argc, *argv, &next, err);

		if (r < 0 || next >= *argc)
			return r;
		*argc -= next;
		*argv += next;
		snprintf(name, sizeof(name), "%s%s%.24s", line->group ? line->group : "",
			 line->group ? " " : "", (*argv)[0]);
		line->command = vzr_cli_command_find(name);
		if (line->command)
			break;
		if (line->group || !vzr_cli_command_is_group(name))
			return vzr_cli_fail(err, -VZR_E_USAGE, "there is no command '%s'", name);
		line->group = (*argv)[0];
	}
	line->group = NULL;
	return 0;
}

static int check_operands(const struct cli *cli, const struct cli_line *line, struct vzr_error *err)
{
	const struct cli_command *command = line->command;

	if (cli->help)
		return 0;
	if (cli->quiet && cli->verbose)
		return vzr_cli_fail(err, -VZR_E_USAGE, "-q and -v exclude each other");
	if (line->n_operands < command->min_args)
		return vzr_cli_fail(err, -VZR_E_USAGE, "%s needs %s", command->name, command->args);
	if (command->max_args >= 0 && line->n_operands > command->max_args)
		return vzr_cli_fail(err, -VZR_E_USAGE, "%s: '%.64s' is one argument too many",
				    command->name, line->operands[command->max_args]);
	return 0;
}

int vzr_cli_parse(struct cli *cli, int argc, char **argv, struct cli_line *ret_line,
		  struct vzr_error *err)
{
	struct parser parser = { 0 };
	int next = 0;
	int r;

	add_options(&parser, globals, cli);
	r = parse_command(&parser, &argc, &argv, ret_line, err);
	if (r < 0 || !ret_line->command)
		return r;
	if (ret_line->command->context_size) {
		ret_line->context = calloc(1, ret_line->command->context_size);
		if (!ret_line->context)
			vzr_cli_no_memory();
	}
	add_options(&parser, ret_line->command->options, ret_line->context);
	r = parse_options(&parser, "", argc, argv, &next, err);
	if (r < 0)
		return r;
	ret_line->operands = argv + next;
	ret_line->n_operands = argc - next;
	return check_operands(cli, ret_line, err);
}
