/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run: settings in their order, the engine, and how errors and warnings reach the user. */
#include "cli/json.h"

#include <limits.h>
#include <string.h>
#include <time.h>

static int apply_sets(struct cli *cli, struct vzr_error *err)
{
	for (size_t i = 0; i < cli->sets.count; i++) {
		const char *text = cli->sets.values[i];
		const char *equals = strchr(text, '=');
		CLI_AUTO_FREE char *key = strndup(text, (size_t)(equals - text));
		struct vzr_error reason = { 0 };
		int r;

		if (!key)
			vzr_cli_no_memory();
		r = vzr_settings_set(cli->settings, key, equals + 1, &reason);
		if (r < 0)
			return vzr_cli_fail(err, r, "--set: %s", reason.msg);
	}
	return 0;
}

int vzr_cli_open_settings(struct cli *cli, struct vzr_error *err)
{
	char absolute[PATH_MAX];
	const char *config = cli->config;
	int r = vzr_settings_new(cli->root, &cli->settings, err);

	if (r < 0)
		return r;
	/* Below --root, FILE is a path as the target sees it; on the host it is the caller's. */
	if (config && !cli->root && realpath(config, absolute))
		config = absolute;
	r = vzr_settings_read(cli->settings, config, err);
	return r < 0 ? r : apply_sets(cli, err);
}

int vzr_cli_open(struct cli *cli, struct vzr_error *err)
{
	int r = vzr_cli_open_settings(cli, err);

	if (r == 0)
		r = vzr_engine_new(cli->settings, vzr_cli_event, cli, &cli->engine, err);
	if (r < 0)
		return r;
	vzr_cli_process_engine(cli->engine);
	return 0;
}

void vzr_cli_close(struct cli *cli)
{
	vzr_cli_process_engine(NULL);
	vzr_engine_free(cli->engine);
	vzr_settings_free(cli->settings);
	cli->engine = NULL;
	cli->settings = NULL;
}

static void clear_line(struct cli *cli)
{
	if (cli->render && cli->render->clear)
		cli->render->clear(cli);
}

void vzr_cli_report_text(struct cli *cli, const struct vzr_error *err)
{
	clear_line(cli);
	/* What came out so far stands above the error when both go to one place. */
	vzr_cli_flush();
	fprintf(stderr, "vzroot: %s\n", *err->msg ? err->msg : vzr_error_name(err->code));
	if (cli->first_error == 0)
		cli->first_error = err->code < 0 ? err->code : -VZR_E_FAILED;
}

void vzr_cli_report(struct cli *cli, const struct vzr_error *err)
{
	if (cli->json)
		vzr_cli_json_print(vzr_cli_json_pack("{s:s, s:o}", "result", "failed", "error",
						     vzr_cli_json_error(err)));
	vzr_cli_report_text(cli, err);
}

void vzr_cli_warn(struct cli *cli, const char *text)
{
	if (cli->warnings) {
		json_array_append_new(cli->warnings, vzr_cli_json_text(text));
		return;
	}
	if (cli->quiet)
		return;
	clear_line(cli);
	vzr_cli_flush();
	fprintf(stderr, "vzroot: warning: %s\n", text);
}

void vzr_cli_event(void *data, const struct vzr_event *event)
{
	struct cli *cli = data;
	bool warning = event->type == VZR_EVENT_LOG && event->u.log.level == VZR_LEVEL_WARNING;

	/* What a report says of a step is in its answer. */
	bool silent = cli->quiet || (cli->reports && (cli->json || !cli->verbose));

	if (warning && (cli->reports || !cli->json))
		vzr_cli_warn(cli, event->u.log.text);
	else if (!silent)
		cli->render->event(cli, event);
}

bool vzr_cli_progress_due(struct cli *cli, const struct vzr_event *event)
{
	struct timespec ts;
	uint64_t now;

	if (event->u.progress.total_bytes &&
	    event->u.progress.done_bytes >= event->u.progress.total_bytes)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	if (cli->drawn_ms && now - cli->drawn_ms < 200)
		return false;
	cli->drawn_ms = now;
	return true;
}
