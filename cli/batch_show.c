/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A batch while it runs: a line for each container that ends, and what is under way. */
#include "cli/batch.h"
#include "cli/json.h"
#include "cli/text.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define REDRAW_MS 100
#define ROWS_MAX 12

char *vzr_cli_duration(uint64_t us, char out[32])
{
	if (us < 1000)
		snprintf(out, 32, "%" PRIu64 " us", us);
	else if (us < 1000000)
		snprintf(out, 32, "%.1f ms", (double)us / 1e3);
	else if (us < 100000000)
		snprintf(out, 32, "%.2f s", (double)us / 1e6);
	else
		snprintf(out, 32, "%" PRIu64 ":%02" PRIu64 " min", us / 60000000,
			 us / 1000000 % 60);
	return out;
}

const char *vzr_cli_batch_state(enum vzr_batch_state state)
{
	static const char *const names[] = {
		[VZR_BATCH_WAITING] = "not made", [VZR_BATCH_RUNNING] = "under way",
		[VZR_BATCH_CREATED] = "created",  [VZR_BATCH_SAME] = "same",
		[VZR_BATCH_FAILED] = "failed",
	};

	return names[state];
}

/* ---- the terminal ---- */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 79;
	return size.ws_col - 1;
}

void vzr_cli_batch_clear(struct cli_batch_view *view)
{
	if (view->lines)
		fprintf(stderr, "\r\033[%uA\033[J", view->lines);
	view->lines = 0;
}

static void clear(struct cli *cli)
{
	if (cli->drawn)
		fputs("\r\033[K", stderr);
	cli->drawn = false;
	if (cli->batch)
		vzr_cli_batch_clear(cli->batch);
}

static void show_event(struct cli *cli, const struct vzr_event *event)
{
	if (cli->batch)
		vzr_cli_batch_clear(cli->batch);
	vzr_cli_render_tty.event(cli, event);
}

static const struct cli_render render = { .event = show_event, .clear = clear };

static bool on_terminal(const struct cli_batch_view *view)
{
	return view->cli->render == &render;
}

void vzr_cli_batch_open(struct cli_batch_view *view)
{
	struct vzr_batch_totals totals;

	vzr_batch_count(view->batch, &totals);
	view->total = totals.waiting + totals.running + totals.created + totals.same +
		      totals.failed;
	view->cli->batch = view;
	if (view->cli->render == &vzr_cli_render_tty)
		view->cli->render = &render;
}

static void put_line(struct cli_batch_view *view, const char *text)
{
	fprintf(stderr, "%.*s\n", columns(), text);
	view->lines++;
}

/* The stage that has begun and not ended; the last one otherwise. */
static const char *current_stage(const struct vzr_batch_item *item)
{
	for (size_t i = item->n_stages; i > 0; i--)
		if (!item->stages[i - 1].ended_us)
			return item->stages[i - 1].name;
	return item->n_stages ? item->stages[item->n_stages - 1].name : "begins";
}

static void draw_total(struct cli_batch_view *view, const struct vzr_batch_totals *totals)
{
	size_t ended = totals->created + totals->failed, left = totals->waiting + totals->running;
	double seconds = (double)totals->elapsed_us / 1e6;
	char line[CLI_TEXT_MAX], eta[32] = "", failed[48] = "";

	if (ended)
		snprintf(eta, sizeof(eta), ", %.0f s left",
			 seconds / (double)ended * (double)left);
	if (totals->failed)
		snprintf(failed, sizeof(failed), ", %zu FAILED", totals->failed);
	snprintf(line, sizeof(line), "batch: %zu of %zu%s, %zu under way, %.1f per second%s",
		 view->ended, view->total, failed, totals->running,
		 seconds > 0 ? (double)ended / seconds : 0.0, eta);
	put_line(view, line);
}

static void draw(struct cli_batch_view *view)
{
	const struct vzr_batch_item *item;
	struct vzr_batch_totals totals;
	uint64_t now = now_ms();
	unsigned int rows = 0;

	if (!on_terminal(view) || (view->lines && now - view->drawn_ms < REDRAW_MS))
		return;
	vzr_cli_batch_clear(view);
	view->drawn_ms = now;
	vzr_batch_count(view->batch, &totals);
	for (size_t i = 0; totals.running && rows < ROWS_MAX &&
			   (item = vzr_batch_get(view->batch, i));
	     i++) {
		char line[CLI_TEXT_MAX], spent[32];
		uint64_t us;

		if (item->state != VZR_BATCH_RUNNING)
			continue;
		us = totals.elapsed_us > item->begun_us ? totals.elapsed_us - item->begun_us : 0;
		snprintf(line, sizeof(line), "  %-8" PRIu32 " %-24.60s %-10s %s", item->ctid,
			 item->name ? item->name : item->label, current_stage(item),
			 vzr_cli_duration(us, spent));
		put_line(view, line);
		rows++;
	}
	draw_total(view, &totals);
	fflush(stderr);
}

/* ---- events of a container ---- */

static void print_object(json_t *object, const struct vzr_batch_item *item)
{
	json_object_set_new(object, "label", vzr_cli_json_text(item->label));
	json_object_set_new(object, "ctid", vzr_cli_json_optional(item->ctid, 0));
	vzr_cli_json_print(object);
}

static void show_warning(struct cli_batch_view *view, const struct vzr_batch_item *item,
			 const char *text)
{
	char line[CLI_TEXT_MAX * 4];

	if (strncmp(view->warned, text, sizeof(view->warned) - 1) == 0)
		return;
	snprintf(view->warned, sizeof(view->warned), "%s", text);
	snprintf(line, sizeof(line), "%s: %s", item->label, text);
	vzr_cli_warn(view->cli, line);
}

static void on_event(struct cli_batch_view *view, const struct vzr_batch_item *item,
		     const struct vzr_event *event)
{
	struct cli *cli = view->cli;

	if (cli->json) {
		json_t *object = cli->quiet ? NULL : vzr_cli_json_event(cli, event);

		if (object)
			print_object(object, item);
		return;
	}
	if (event->type == VZR_EVENT_LOG && event->u.log.level == VZR_LEVEL_WARNING) {
		show_warning(view, item, event->u.log.text);
		return;
	}
	if (!cli->verbose || event->type == VZR_EVENT_PROGRESS)
		return;
	if (cli->render->clear)
		cli->render->clear(cli);
	fprintf(cli->log, "%s: ", item->label);
	vzr_cli_render_plain.event(cli, event);
	if (event->type == VZR_EVENT_STAGE_END && event->u.stage.code < 0)
		fprintf(cli->log, "%s: failed\n", event->u.stage.name);
}

/* ---- ends ---- */

static void print_json_end(struct cli_batch_view *view, const struct vzr_batch_item *item)
{
	struct vzr_container *container = NULL;
	struct vzr_error err = { 0 };
	json_t *object;

	if (item->state == VZR_BATCH_CREATED &&
	    vzr_container_load(view->cli->engine, item->ctid, &container, &err) == 0)
		object = vzr_cli_json_created(container);
	else
		object = vzr_cli_json_pack("{s:s, s:o}", "result", vzr_cli_batch_state(item->state),
					   "error",
					   item->state == VZR_BATCH_FAILED
						   ? vzr_cli_json_error(&item->error)
						   : json_null());
	vzr_container_free(container);
	json_object_set_new(object, "elapsed_us",
			    vzr_cli_json_number(item->ended_us - item->begun_us));
	print_object(object, item);
}

static void print_end(struct cli_batch_view *view, const struct vzr_batch_item *item)
{
	struct cli *cli = view->cli;
	char spent[32];

	if (cli->quiet || item->state == VZR_BATCH_FAILED)
		return;
	if (cli->render->clear)
		cli->render->clear(cli);
	fprintf(cli->log, "[%zu/%zu] %s: container %" PRIu32 " %s", view->ended, view->total,
		item->label, item->ctid, vzr_cli_batch_state(item->state));
	if (item->state == VZR_BATCH_CREATED)
		fprintf(cli->log, " in %s",
			vzr_cli_duration(item->ended_us - item->begun_us, spent));
	fputc('\n', cli->log);
	fflush(cli->log);
}

static void on_state(struct cli_batch_view *view, const struct vzr_batch_item *item)
{
	struct vzr_error each = item->error;

	if (item->state == VZR_BATCH_RUNNING) {
		if (view->cli->json && !view->cli->quiet)
			print_object(vzr_cli_json_pack("{s:s}", "event", "begin"), item);
		return;
	}
	view->ended += item->state != VZR_BATCH_WAITING;
	if (view->cli->json)
		print_json_end(view, item);
	else if (item->state != VZR_BATCH_WAITING)
		print_end(view, item);
	if (item->state == VZR_BATCH_FAILED) {
		(void)vzr_cli_fail(&each, each.code, "%s: %s", item->label, item->error.msg);
		vzr_cli_report_text(view->cli, &each);
	}
}

void vzr_cli_batch_step(void *data, const struct vzr_batch_item *item,
			const struct vzr_event *event)
{
	struct cli_batch_view *view = data;

	if (item && event)
		on_event(view, item, event);
	else if (item)
		on_state(view, item);
	draw(view);
}
