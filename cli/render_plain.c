/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events as lines: for logs, pipes and dumb terminals. */
#include "cli/cli.h"

#include <inttypes.h>

static void show_event(struct cli *cli, const struct vzr_event *event)
{
	switch (event->type) {
	case VZR_EVENT_LOG:
		if (event->u.log.level == VZR_LEVEL_DEBUG && !cli->verbose)
			return;
		fprintf(cli->log, "%s\n", event->u.log.text);
		return;
	case VZR_EVENT_STAGE_BEGIN:
		if (cli->verbose)
			fprintf(cli->log, "%s: begins\n", event->u.stage.name);
		return;
	case VZR_EVENT_STAGE_END:
		/* A failed stage is told by the error that follows. */
		if (event->u.stage.code == 0)
			fprintf(cli->log, "%s: done in %" PRIu64 ".%03" PRIu64 " s\n",
				event->u.stage.name, event->u.stage.elapsed_us / 1000000,
				event->u.stage.elapsed_us / 1000 % 1000);
		return;
	case VZR_EVENT_CHOICE:
		fprintf(cli->log, "%s: %s (%s)\n", event->u.choice.what, event->u.choice.chosen,
			event->u.choice.reason);
		return;
	case VZR_EVENT_PROGRESS:
		return;
	}
}

const struct cli_render vzr_cli_render_plain = { .event = show_event };
