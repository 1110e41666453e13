/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events as objects, one a line, on standard output. */
#include "cli/json.h"

static const char *level_name(enum vzr_level level)
{
	switch (level) {
	case VZR_LEVEL_DEBUG:
		return "debug";
	case VZR_LEVEL_INFO:
		return "info";
	case VZR_LEVEL_WARNING:
		break;
	}
	return "warning";
}

static json_t *log_object(const struct vzr_event *event)
{
	return vzr_cli_json_pack("{s:s, s:s, s:o}", "event", "log", "level",
				 level_name(event->u.log.level), "text",
				 vzr_cli_json_text(event->u.log.text));
}

static json_t *begin_object(const struct vzr_event *event)
{
	return vzr_cli_json_pack("{s:s, s:o}", "event", "stage-begin", "stage",
				 vzr_cli_json_text(event->u.stage.name));
}

static json_t *end_object(const struct vzr_event *event)
{
	int code = event->u.stage.code;

	return vzr_cli_json_pack("{s:s, s:o, s:o, s:o}", "event", "stage-end", "stage",
				 vzr_cli_json_text(event->u.stage.name), "error",
				 vzr_cli_json_text(code < 0 ? vzr_error_name(code) : NULL),
				 "elapsed_us", vzr_cli_json_number(event->u.stage.elapsed_us));
}

static json_t *progress_object(const struct vzr_event *event)
{
	return vzr_cli_json_pack("{s:s, s:o, s:o, s:o}", "event", "progress", "stage",
				 vzr_cli_json_text(event->u.progress.stage), "done_bytes",
				 vzr_cli_json_number(event->u.progress.done_bytes), "total_bytes",
				 vzr_cli_json_optional(event->u.progress.total_bytes, 0));
}

static json_t *choice_object(const struct vzr_event *event)
{
	return vzr_cli_json_pack("{s:s, s:o, s:o, s:o}", "event", "choice", "what",
				 vzr_cli_json_text(event->u.choice.what), "chosen",
				 vzr_cli_json_text(event->u.choice.chosen), "reason",
				 vzr_cli_json_text(event->u.choice.reason));
}

json_t *vzr_cli_json_event(struct cli *cli, const struct vzr_event *event)
{
	json_t *object = NULL;

	switch (event->type) {
	case VZR_EVENT_LOG:
		if (event->u.log.level != VZR_LEVEL_DEBUG || cli->verbose)
			object = log_object(event);
		break;
	case VZR_EVENT_STAGE_BEGIN:
		object = begin_object(event);
		break;
	case VZR_EVENT_STAGE_END:
		object = end_object(event);
		break;
	case VZR_EVENT_PROGRESS:
		if (vzr_cli_progress_due(cli, event))
			object = progress_object(event);
		break;
	case VZR_EVENT_CHOICE:
		object = choice_object(event);
		break;
	}
	return object;
}

static void show_event(struct cli *cli, const struct vzr_event *event)
{
	json_t *object = vzr_cli_json_event(cli, event);

	if (object)
		vzr_cli_json_print(object);
}

const struct cli_render vzr_cli_render_json = { .event = show_event };
