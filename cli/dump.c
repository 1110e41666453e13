/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the build and the tests ask of the tables: options, and the keys of the configuration. */
#include "cli/cli.h"

static void dump(const char *command, const struct cli_option *option)
{
	for (; option && option->name; option++) {
		if (!option->help)
			continue;
		printf("%s\t--%s\t", command, option->name);
		if (option->letter)
			printf("-%c", option->letter);
		printf("\t%s\t%s\n", option->arg ? option->arg : "", option->help);
	}
}

void vzr_cli_dump_options(void)
{
	const struct cli_command *command;

	dump("", vzr_cli_globals());
	for (size_t i = 0; (command = vzr_cli_command_get(i)); i++) {
		printf("%s\n", command->name);
		dump(command->name, command->options);
	}
}

/* scdoc reads *, _ and # as marks. */
static void print_scdoc(const char *text)
{
	for (; *text; text++) {
		if (*text == '_' || *text == '*' || *text == '#' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

int vzr_cli_dump_settings(struct vzr_error *err)
{
	struct vzr_settings *settings;
	const struct vzr_setting_info *keys;
	size_t count;
	int r = vzr_settings_new(NULL, &settings, err);

	if (r < 0)
		return r;
	keys = vzr_settings_keys(&count);
	for (size_t i = 0; i < count; i++) {
		const char *value = vzr_settings_get(settings, keys[i].key);

		printf("*");
		print_scdoc(keys[i].key);
		printf("*=\"_%s_\"\n\t", keys[i].value_hint);
		print_scdoc(keys[i].help);
		if (value) {
			printf(". Built in: ");
			print_scdoc(value);
		}
		printf("\n\n");
	}
	vzr_settings_free(settings);
	return 0;
}
