/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Events on a terminal: the lines of the plain renderer, and below them one that is redrawn. */
#include "cli/text.h"

#include <sys/ioctl.h>

/* The terminal may be resized meanwhile; a line that wraps could not be taken away again. */
static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 79;
	return size.ws_col - 1;
}

static void clear(struct cli *cli)
{
	if (cli->drawn)
		fputs("\r\033[K", stderr);
	cli->drawn = false;
}

static void draw(struct cli *cli, const char *text)
{
	fprintf(stderr, "\r\033[K%.*s", columns(), text);
	fflush(stderr);
	cli->drawn = true;
}

static void draw_progress(struct cli *cli, const struct vzr_event *event)
{
	uint64_t done = event->u.progress.done_bytes;
	uint64_t total = event->u.progress.total_bytes;
	char line[3 * CLI_TEXT_MAX], done_text[CLI_TEXT_MAX], total_text[CLI_TEXT_MAX];

	if (!vzr_cli_progress_due(cli, event))
		return;
	vzr_cli_bytes_text(done, done_text);
	vzr_cli_bytes_text(total, total_text);
	if (total == 0)
		snprintf(line, sizeof(line), "%s: %s", event->u.progress.stage, done_text);
	else
		snprintf(line, sizeof(line), "%s: %3.0f %% (%s of %s)", event->u.progress.stage,
			 100.0 * ((double)done / (double)total), done_text, total_text);
	draw(cli, line);
}

static void show_event(struct cli *cli, const struct vzr_event *event)
{
	char line[CLI_TEXT_MAX];

	if (event->type == VZR_EVENT_PROGRESS) {
		draw_progress(cli, event);
		return;
	}
	clear(cli);
	vzr_cli_render_plain.event(cli, event);
	if (event->type != VZR_EVENT_STAGE_BEGIN)
		return;
	snprintf(line, sizeof(line), "%s ...", event->u.stage.name);
	draw(cli, line);
	cli->drawn_ms = 0;
}

const struct cli_render vzr_cli_render_tty = { .event = show_event, .clear = clear };
