/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A batch before and after its run: the plan, and where the time went. */
#include "cli/batch.h"
#include "cli/json.h"
#include "cli/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- the plan ---- */

void vzr_cli_batch_plan(struct cli *cli, const struct vzr_batch *batch)
{
	const char *const head[] = { "CTID", "NAME", "TEMPLATE", "STATE", "FROM" };
	struct cli_table table = { .right = { true } };
	const struct vzr_batch_item *item;

	if (!cli->json)
		vzr_cli_table_row(&table, head, CLI_COUNT(head));
	for (size_t i = 0; (item = vzr_batch_get(batch, i)); i++) {
		const char *state = item->state == VZR_BATCH_SAME ? "same" : "to be made";
		char ctid[16];
		const char *const cells[] = { ctid, item->name, item->template_name, state,
					      item->label };

		if (cli->json) {
			vzr_cli_json_print(vzr_cli_json_pack(
				"{s:o, s:o, s:o, s:o, s:b}", "label",
				vzr_cli_json_text(item->label), "ctid",
				vzr_cli_json_number(item->ctid), "name",
				vzr_cli_json_text(item->name), "template",
				vzr_cli_json_text(item->template_name), "same",
				item->state == VZR_BATCH_SAME));
			continue;
		}
		snprintf(ctid, sizeof(ctid), "%" PRIu32, item->ctid);
		vzr_cli_table_row(&table, cells, CLI_COUNT(cells));
	}
	if (!cli->json && !cli->quiet)
		vzr_cli_table_print(&table);
}

/* ---- times ---- */

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void measure(const struct vzr_batch *batch, size_t containers, struct cli_stage_times *times)
{
	uint64_t *values = calloc(containers + 1, sizeof(*values));
	const struct vzr_batch_item *item;

	if (!values)
		vzr_cli_no_memory();
	for (size_t i = 0; (item = vzr_batch_get(batch, i)); i++)
		for (size_t j = 0; j < item->n_stages; j++) {
			const struct vzr_batch_stage *stage = &item->stages[j];

			if (stage->ended_us && strcmp(stage->name, times->name) == 0 &&
			    times->count < containers)
				values[times->count++] = stage->ended_us - stage->begun_us;
		}
	qsort(values, times->count, sizeof(*values), by_value);
	if (times->count) {
		times->min_us = values[0];
		times->median_us = values[times->count / 2];
		times->max_us = values[times->count - 1];
	}
	free(values);
}

size_t vzr_cli_batch_times(const struct vzr_batch *batch,
			   struct cli_stage_times out[CLI_STAGES_MAX])
{
	const struct vzr_batch_item *item;
	size_t count = 0, containers = 0;

	for (size_t i = 0; (item = vzr_batch_get(batch, i)); i++) {
		containers++;
		for (size_t j = 0; j < item->n_stages; j++) {
			size_t k = 0;

			while (k < count && strcmp(out[k].name, item->stages[j].name) != 0)
				k++;
			if (k < count || count == CLI_STAGES_MAX)
				continue;
			out[count] = (struct cli_stage_times){ .count = 0 };
			memcpy(out[count].name, item->stages[j].name, sizeof(out[count].name));
			count++;
		}
	}
	for (size_t i = 0; i < count; i++)
		measure(batch, containers, &out[i]);
	return count;
}

static void print_json(const struct vzr_batch_totals *totals, const struct cli_stage_times *times,
		       size_t n)
{
	json_t *stages = vzr_cli_json_pack("[]");

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			stages, vzr_cli_json_pack("{s:o, s:o, s:o, s:o, s:o}", "stage",
						  vzr_cli_json_text(times[i].name), "count",
						  vzr_cli_json_number(times[i].count), "min_us",
						  vzr_cli_json_number(times[i].min_us), "median_us",
						  vzr_cli_json_number(times[i].median_us), "max_us",
						  vzr_cli_json_number(times[i].max_us)));
	vzr_cli_json_print(vzr_cli_json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "result", "batch", "created",
		vzr_cli_json_number(totals->created), "same", vzr_cli_json_number(totals->same),
		"failed", vzr_cli_json_number(totals->failed), "not_made",
		vzr_cli_json_number(totals->waiting), "elapsed_us",
		vzr_cli_json_number(totals->elapsed_us), "stages", stages));
}

static void print_times(const struct cli_stage_times *times, size_t n)
{
	const char *const head[] = { "STAGE", "CONTAINERS", "MIN", "MEDIAN", "MAX" };
	struct cli_table table = { .right = { false, true, true, true, true } };

	if (!n)
		return;
	vzr_cli_table_row(&table, head, CLI_COUNT(head));
	for (size_t i = 0; i < n; i++) {
		char count[24], min[32], median[32], max[32];
		const char *const cells[] = { times[i].name, count, min, median, max };

		snprintf(count, sizeof(count), "%zu", times[i].count);
		vzr_cli_duration(times[i].min_us, min);
		vzr_cli_duration(times[i].median_us, median);
		vzr_cli_duration(times[i].max_us, max);
		vzr_cli_table_row(&table, cells, CLI_COUNT(cells));
	}
	vzr_cli_table_print(&table);
}

void vzr_cli_batch_summary(struct cli_batch_view *view)
{
	struct cli_stage_times times[CLI_STAGES_MAX];
	size_t n = vzr_cli_batch_times(view->batch, times);
	struct vzr_batch_totals totals;
	char spent[32];

	vzr_batch_count(view->batch, &totals);
	if (view->cli->json) {
		print_json(&totals, times, n);
		return;
	}
	if (view->cli->quiet)
		return;
	print_times(times, n);
	printf("batch: %zu created", totals.created);
	if (totals.same)
		printf(", %zu same", totals.same);
	if (totals.failed)
		printf(", %zu failed", totals.failed);
	if (totals.waiting)
		printf(", %zu not made", totals.waiting);
	printf(" in %s", vzr_cli_duration(totals.elapsed_us, spent));
	if (totals.created && totals.elapsed_us)
		printf(": %.1f per second",
		       (double)totals.created / (double)totals.elapsed_us * 1e6);
	putchar('\n');
}
