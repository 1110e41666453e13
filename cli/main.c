/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzroot: reads the command line, runs one command, turns its outcome into an exit status. */
#include "cli/cli.h"

#include <string.h>

/*
 * On a terminal the steps of the work are for the eye. Elsewhere they are lines of the answer, so
 * that standard error holds warnings and the error alone; what only reports keeps them out of its
 * answer.
 */
static void choose_render(struct cli *cli, const struct cli_line *line)
{
	cli->reports = line->command && line->command->reports;
	cli->log = cli->reports ? stderr : stdout;
	cli->render = &vzr_cli_render_plain;
	if (cli->json) {
		cli->render = &vzr_cli_render_json;
	} else if (!cli->dumb && !cli->quiet && isatty(STDERR_FILENO)) {
		cli->render = &vzr_cli_render_tty;
		cli->log = stderr;
	}
}

/* What is answered out of the tables alone. True if it was asked for. */
static bool run_tables(struct cli *cli, const struct cli_line *line, int *ret_code,
		       struct vzr_error *err)
{
	*ret_code = 0;
	if (cli->help)
		vzr_cli_help(line->command, line->group);
	else if (cli->dump_options)
		vzr_cli_dump_options();
	else if (cli->dump_exit_codes)
		vzr_cli_dump_exit_codes();
	else if (cli->dump_settings)
		*ret_code = vzr_cli_dump_settings(err);
	else if (cli->dump_completion)
		*ret_code = vzr_cli_dump_completion(cli->dump_completion, err);
	else
		return false;
	return true;
}

static int run(struct cli *cli, struct cli_line *line, struct vzr_error *err)
{
	int r;

	if (run_tables(cli, line, &r, err))
		return r;
	if (cli->version && !line->command)
		line->command = vzr_cli_command_find("version");
	if (!line->command && line->group)
		return vzr_cli_fail(err, -VZR_E_USAGE, "%s needs one of its commands", line->group);
	if (!line->command)
		return vzr_cli_fail(err, -VZR_E_USAGE, "no command given");
	return line->command->run(cli, line->context, line->n_operands, line->operands, err);
}

/* A usage error may come before --json is read, but who wrote it expects an object. */
static bool asks_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

/* Says where help is. The error stays one line. */
static void add_hint(const struct cli_line *line, struct vzr_error *err)
{
	const char *name = line->command ? line->command->name : line->group;
	size_t used = strlen(err->msg);

	snprintf(err->msg + used, sizeof(err->msg) - used, " (try 'vzroot %s%s--help')",
		 name ? name : "", name ? " " : "");
}

int main(int argc, char **argv)
{
	struct cli cli = { .render = &vzr_cli_render_plain };
	struct cli_line line = { 0 };
	struct vzr_error err = { 0 };
	static char name[] = "vzroot";
	static char *no_words[] = { name, NULL };
	int r;

	vzr_cli_process_init(&cli);
	/* execve() may give no argv[0] at all. */
	if (argc < 1) {
		argc = 1;
		argv = no_words;
	}
	r = vzr_cli_parse(&cli, argc, argv, &line, &err);
	if (r < 0)
		cli.json = asks_json(argc, argv);
	choose_render(&cli, &line);
	if (r == 0)
		r = run(&cli, &line, &err);
	if (cli.render->clear)
		cli.render->clear(&cli);
	if (r < 0 && cli.first_error == 0) {
		err.code = r;
		if (r == -VZR_E_USAGE)
			add_hint(&line, &err);
		vzr_cli_report(&cli, &err);
	}
	vzr_cli_close(&cli);
	free(line.context);
	if (vzr_cli_close_output(&err) < 0) {
		fprintf(stderr, "vzroot: %s\n", err.msg);
		if (cli.first_error == 0)
			cli.first_error = err.code;
	}
	return vzr_cli_exit_status(cli.first_error);
}
