/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The report of a batch: when which stage of which container ran, totals, failures. */
#include "cli/batch.h"
#include "cli/batch_page.h"
#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define COLOURS 10

struct page {
	FILE *out;
	const struct vzr_batch *batch;
	struct vzr_batch_totals totals;
	struct cli_stage_times times[CLI_STAGES_MAX];
	size_t n_times;
	uint64_t end_us; /* of the axis */
};

static void put_text(const struct page *page, const char *text)
{
	char escaped[1024];

	vzr_cli_page_text(page->out, vzr_escape(escaped, sizeof(escaped), text ? text : ""));
}

static const char *name_of(const struct vzr_batch_item *item)
{
	return item->name ? item->name : item->label;
}

/* ---- totals ---- */

static void put_card(const struct page *page, const char *class, const char *value,
		     const char *label)
{
	fprintf(page->out, "<div class=\"card %s\"><b>%s</b><span>%s</span></div>\n", class, value,
		label);
}

static void put_number(const struct page *page, const char *class, size_t value, const char *label)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", value);
	if (value)
		put_card(page, class, text, label);
}

static void put_totals(const struct page *page)
{
	const struct vzr_batch_totals *t = &page->totals;
	char text[32];

	fputs("<div class=\"cards\">\n", page->out);
	put_number(page, "good", t->created, "created");
	put_number(page, "", t->same, "same as before");
	put_number(page, "bad", t->failed, "failed");
	put_number(page, "", t->waiting, "not made");
	put_card(page, "", vzr_cli_duration(t->elapsed_us, text), "in all");
	if (t->created && t->elapsed_us) {
		snprintf(text, sizeof(text), "%.1f",
			 (double)t->created / (double)t->elapsed_us * 1e6);
		put_card(page, "", text, "containers per second");
	}
	fputs("</div>\n", page->out);
}

/* ---- failures ---- */

static void put_failures(const struct page *page, const struct vzr_error *outcome)
{
	const struct vzr_batch_item *item;

	if (!outcome && !page->totals.failed)
		return;
	fputs("<h2>Failures</h2>\n<ul class=\"failures\">\n", page->out);
	for (size_t i = 0; (item = vzr_batch_get(page->batch, i)); i++) {
		if (item->state != VZR_BATCH_FAILED)
			continue;
		fputs("<li><b>", page->out);
		put_text(page, name_of(item));
		fprintf(page->out, " (CTID %" PRIu32 ", ", item->ctid);
		put_text(page, item->label);
		fputs(")</b>", page->out);
		put_text(page, item->error.msg);
		fputs("</li>\n", page->out);
	}
	if (outcome && !page->totals.failed) {
		fputs("<li><b>The batch</b>", page->out);
		put_text(page, outcome->msg);
		fputs("</li>\n", page->out);
	}
	fputs("</ul>\n", page->out);
}

/* ---- the timeline ---- */

static size_t colour(const struct page *page, const char *stage)
{
	for (size_t i = 0; i < page->n_times; i++)
		if (strcmp(page->times[i].name, stage) == 0)
			return i % COLOURS;
	return 0;
}

static double percent(const struct page *page, uint64_t us)
{
	return 100.0 * (double)us / (double)page->end_us;
}

static void put_axis(const struct page *page)
{
	uint64_t step = vzr_cli_page_step(page->end_us);
	char text[32];

	fputs("<div class=\"row axis\"><div class=\"n\"></div><div class=\"track\">", page->out);
	for (uint64_t at = 0; at + step / 2 < page->end_us; at += step)
		fprintf(page->out, "<span style=\"left:%.2f%%\">%s</span>", percent(page, at),
			at ? vzr_cli_duration(at, text) : "0");
	fputs("</div><div class=\"d\"></div></div>\n", page->out);
}

static void put_stage(const struct page *page, const struct vzr_batch_item *item,
		      const struct vzr_batch_stage *stage)
{
	uint64_t end = stage->ended_us ? stage->ended_us : item->ended_us;
	char text[32];

	if (end < stage->begun_us)
		return;
	fprintf(page->out, "<i class=\"s%zu\" style=\"left:%.3f%%;width:%.3f%%\" title=\"",
		colour(page, stage->name), percent(page, stage->begun_us),
		percent(page, end - stage->begun_us));
	put_text(page, stage->name);
	fprintf(page->out, " %s\"></i>", vzr_cli_duration(end - stage->begun_us, text));
}

static void put_row(const struct page *page, const struct vzr_batch_item *item)
{
	char text[32];

	fprintf(page->out, "<div class=\"row%s\"><div class=\"n\" title=\"",
		item->state == VZR_BATCH_FAILED ? " failed" : "");
	put_text(page, item->label);
	fprintf(page->out, "\">%" PRIu32 " ", item->ctid);
	put_text(page, name_of(item));
	fputs("</div><div class=\"track\">", page->out);
	for (size_t i = 0; i < item->n_stages; i++)
		put_stage(page, item, &item->stages[i]);
	fprintf(page->out, "</div><div class=\"d\">%s</div></div>\n",
		vzr_cli_duration(item->ended_us - item->begun_us, text));
}

static void put_timeline(const struct page *page)
{
	const struct vzr_batch_item *item;

	if (!page->n_times)
		return;
	fputs("<h2>Timeline</h2>\n<div class=\"legend\">", page->out);
	for (size_t i = 0; i < page->n_times; i++) {
		fprintf(page->out, "<span><i class=\"s%zu\"></i>", i % COLOURS);
		put_text(page, page->times[i].name);
		fputs("</span>", page->out);
	}
	fputs("</div>\n<div class=\"box tall\">\n", page->out);
	put_axis(page);
	for (size_t i = 0; (item = vzr_batch_get(page->batch, i)); i++)
		if (item->ended_us && item->n_stages)
			put_row(page, item);
	fputs("</div>\n", page->out);
}

/* ---- tables ---- */

static void put_times(const struct page *page)
{
	if (!page->n_times)
		return;
	fputs("<h2>Stages</h2>\n<div class=\"box\"><table>\n<tr><th>stage</th>"
	      "<th class=\"r\">containers</th><th class=\"r\">min</th><th class=\"r\">median</th>"
	      "<th class=\"r\">max</th></tr>\n",
	      page->out);
	for (size_t i = 0; i < page->n_times; i++) {
		const struct cli_stage_times *t = &page->times[i];
		char min[32], median[32], max[32];

		fputs("<tr><td>", page->out);
		put_text(page, t->name);
		fprintf(page->out,
			"</td><td class=\"r\">%zu</td><td class=\"r\">%s</td>"
			"<td class=\"r\">%s</td><td class=\"r\">%s</td></tr>\n",
			t->count, vzr_cli_duration(t->min_us, min),
			vzr_cli_duration(t->median_us, median), vzr_cli_duration(t->max_us, max));
	}
	fputs("</table></div>\n", page->out);
}

static void put_cell(const struct page *page, const char *text)
{
	fputs("<td>", page->out);
	put_text(page, text);
	fputs("</td>", page->out);
}

static void put_containers(const struct page *page)
{
	const struct vzr_batch_item *item;
	char text[32];

	fputs("<h2>Containers</h2>\n<div class=\"box tall\"><table>\n<tr><th class=\"r\">CTID</th>"
	      "<th>name</th><th>template</th><th>from</th><th>state</th><th class=\"r\">time</th>"
	      "</tr>\n",
	      page->out);
	for (size_t i = 0; (item = vzr_batch_get(page->batch, i)); i++) {
		fprintf(page->out, "<tr><td class=\"r\">%" PRIu32 "</td>", item->ctid);
		put_cell(page, item->name ? item->name : "-");
		put_cell(page, item->template_name);
		put_cell(page, item->label);
		fprintf(page->out, "<td class=\"s-%s\">%s</td><td class=\"r\">%s</td></tr>\n",
			item->state == VZR_BATCH_FAILED ? "failed" : "other",
			vzr_cli_batch_state(item->state),
			item->ended_us ? vzr_cli_duration(item->ended_us - item->begun_us, text)
				       : "-");
	}
	fputs("</table></div>\n", page->out);
}

/* ---- the page ---- */

static void put_page(struct page *page, const struct vzr_error *outcome)
{
	const struct vzr_batch_totals *t = &page->totals;
	size_t all = t->created + t->same + t->failed + t->waiting + t->running;
	char title[64], when[CLI_TEXT_MAX];

	snprintf(title, sizeof(title), "vzroot batch: %zu container%s", all, all == 1 ? "" : "s");
	vzr_cli_page_begin(page->out, title);
	fprintf(page->out, "<p class=\"when\">ended %s</p>\n",
		vzr_cli_time_text((int64_t)time(NULL), when));
	put_totals(page);
	put_failures(page, outcome);
	put_timeline(page);
	put_times(page);
	put_containers(page);
	vzr_cli_page_end(page->out);
}

int vzr_cli_batch_report(const char *path, const struct vzr_batch *batch,
			 const struct vzr_error *outcome, struct vzr_error *err)
{
	struct page page = { .batch = batch };
	const struct vzr_batch_item *item;
	bool failed;

	page.out = fopen(path, "we");
	if (!page.out)
		return vzr_cli_fail(err, -errno, "cannot write the report %s: %s", path,
				    strerrordesc_np(errno));
	vzr_batch_count(batch, &page.totals);
	page.n_times = vzr_cli_batch_times(batch, page.times);
	page.end_us = 1;
	for (size_t i = 0; (item = vzr_batch_get(batch, i)); i++)
		if (item->ended_us > page.end_us)
			page.end_us = item->ended_us;
	put_page(&page, outcome);
	errno = 0;
	failed = ferror(page.out) != 0;
	if (fclose(page.out) == 0 && !failed)
		return 0;
	return vzr_cli_fail(err, errno ? -errno : -EIO, "cannot write the report %s: %s", path,
			    strerrordesc_np(errno ? errno : EIO));
}
