/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* batch: many containers, planned as one and made side by side. */
#include "cli/batch.h"
#include "cli/json.h"

#include <inttypes.h>
#include <string.h>

#define COUNT_MAX 100000
#define WORKERS_MAX 64
#define TOLD_MAX 20

static int set_number(void *field, const char *value, unsigned long max, struct vzr_error *err)
{
	size_t digits = strspn(value, "0123456789");
	unsigned long number = digits && digits < 10 && !value[digits] ? strtoul(value, NULL, 10)
									: 0;

	if (number < 1 || number > max)
		return vzr_cli_fail(err, -VZR_E_USAGE, "'%.64s' is not a number from 1 to %lu",
				    value, max);
	*(uint32_t *)field = (uint32_t)number;
	return 0;
}

static int set_workers(void *field, const char *value, struct vzr_error *err)
{
	return set_number(field, value, WORKERS_MAX, err);
}

static int set_count(void *field, const char *value, struct vzr_error *err)
{
	return set_number(field, value, COUNT_MAX, err);
}

#define FIELD(name) .offset = offsetof(struct cli_batch_options, name)

static const struct cli_option options[] = {
	{ "jobs", 'j', "N", "make N containers side by side; else as many as cores",
	  FIELD(workers), .apply = set_workers },
	{ "keep-going", 'k', NULL, "go on with the others when one fails", FIELD(keep_going),
	  .apply = vzr_cli_set_flag },
	{ "ctid-from", 0, "N", "take free ids from N on; else from 101", FIELD(first_ctid),
	  .apply = vzr_cli_set_ctid },
	{ "count", 0, "N", "make N containers of each document", FIELD(count),
	  .apply = set_count },
	{ "manifest", 0, "FILE", "CSV or JSON lines: a row for each container",
	  CLI_COMPLETE_FILE, FIELD(manifest), .apply = vzr_cli_set_text },
	{ "resume", 0, NULL, "go on with the batch that was interrupted", FIELD(resume),
	  .apply = vzr_cli_set_flag },
	{ "report", 0, "FILE", "write a page with times and failures", CLI_COMPLETE_FILE,
	  FIELD(report), .apply = vzr_cli_set_text },
	{ "area", 0, "NAME", "way to fill the private areas, see version; else the best one",
	  FIELD(area), .apply = vzr_cli_set_text },
	{ "quota", 0, "NAME", "quota back end; none: enforce no limit, and record that",
	  FIELD(quota), .apply = vzr_cli_set_text },
	{ "handoff", 0, "NAME", "who runs the containers; else the best one", FIELD(handoff),
	  .apply = vzr_cli_set_text },
	{ "dry-run", 'n', NULL, "print the plan, and change nothing", FIELD(dry_run),
	  .apply = vzr_cli_set_flag },
	{ "no-sync", 0, NULL, "do not wait until the disk has it: a power cut may lose it",
	  FIELD(no_sync), .apply = vzr_cli_set_flag },
	{ 0 },
};

static int check_usage(const struct cli_batch_options *given, int argc, struct vzr_error *err)
{
	if (given->resume && (argc || given->manifest || given->count || given->first_ctid ||
			      given->area || given->quota || given->handoff))
		return vzr_cli_fail(err, -VZR_E_USAGE,
				    "--resume takes documents and options from the interrupted "
				    "batch; give only -j, --keep-going, --no-sync or --report");
	if (!given->resume && !argc)
		return vzr_cli_fail(err, -VZR_E_USAGE, "batch needs DOMAIN.xml, DIR, or --resume");
	return 0;
}

/* Everything that the plan refuses is told at once; the first one decides the exit status. */
static int plan(struct cli *cli, struct vzr_batch *batch, struct vzr_error *err)
{
	const struct vzr_batch_item *item;
	size_t told = 0, refused = 0;
	const char *last = "";
	int r = vzr_batch_plan(batch, err);

	if (r == 0)
		return 0;
	for (size_t i = 0; (item = vzr_batch_get(batch, i)); i++) {
		struct vzr_error each = item->error;

		if (!each.code)
			continue;
		refused++;
		/* What is wrong with all of them is said once. */
		if (told == TOLD_MAX || strcmp(last, each.msg) == 0)
			continue;
		told++;
		last = item->error.msg;
		(void)vzr_cli_fail(&each, each.code, "%s: %s", item->label, item->error.msg);
		vzr_cli_report(cli, &each);
	}
	if (refused > told && !cli->quiet)
		fprintf(stderr, "vzroot: and %zu more\n", refused - told);
	return r;
}

static void tell_resume(struct cli *cli, const struct vzr_batch *batch)
{
	struct vzr_batch_totals totals;

	vzr_batch_count(batch, &totals);
	if (!(totals.waiting || totals.failed) || cli->json || cli->quiet)
		return;
	vzr_cli_flush();
	fprintf(stderr, "vzroot: %zu of the batch are not made: 'vzroot batch --resume' goes on\n",
		totals.waiting + totals.failed);
}

static int run_batch(struct cli *cli, const struct cli_batch_options *given,
		     struct vzr_batch *batch, struct vzr_error *err)
{
	struct cli_batch_view view = { .cli = cli, .batch = batch };
	struct vzr_error why = { 0 };
	int r;

	vzr_cli_batch_open(&view);
	r = vzr_batch_run(batch, vzr_cli_batch_step, &view, err);
	vzr_cli_batch_clear(&view);
	vzr_cli_batch_summary(&view);
	if (r < 0 && cli->first_error == 0)
		vzr_cli_report(cli, err);
	if (r < 0)
		tell_resume(cli, batch);
	if (given->report && vzr_cli_batch_report(given->report, batch, r < 0 ? err : NULL,
						  &why) < 0) {
		vzr_cli_report(cli, &why);
		if (r == 0)
			*err = why;
		return r == 0 ? why.code : r;
	}
	return r;
}

static int make_batch(struct cli *cli, const struct cli_batch_options *given,
		      const struct cli_batch_files *files, const char *id, struct vzr_error *err)
{
	CLI_AUTO_FREE char *memo = vzr_cli_batch_memo(given, files);
	const struct vzr_batch_options batch_options = {
		.size = sizeof(batch_options),
		.request = { .size = sizeof(struct vzr_request),
			     .area = given->area,
			     .quota = given->quota,
			     .handoff = given->handoff,
			     .no_sync = given->no_sync },
		.workers = given->workers,
		.keep_going = given->keep_going,
		.first_ctid = given->first_ctid,
		.memo = memo,
		.resume = id,
	};
	struct vzr_batch *batch = NULL;
	int r = vzr_batch_new(cli->engine, &batch_options, &batch, err);

	if (r == 0)
		r = vzr_cli_batch_fill(cli, given, files, batch, err);
	if (r == 0)
		r = plan(cli, batch, err);
	if (r == 0 && given->dry_run)
		vzr_cli_batch_plan(cli, batch);
	else if (r == 0)
		r = run_batch(cli, given, batch, err);
	vzr_batch_free(batch);
	return r;
}

static int run(struct cli *cli, void *context, int argc, char **argv, struct vzr_error *err)
{
	struct cli_batch_options *given = context;
	struct cli_batch_files files = { 0 };
	CLI_AUTO_FREE char *memo = NULL;
	char id[VZR_BATCH_ID];
	int r = check_usage(given, argc, err);

	if (given->dry_run) {
		cli->reports = true;
		cli->log = stderr;
	}
	if (r == 0)
		r = vzr_cli_open(cli, err);
	if (r == 0 && given->resume) {
		r = vzr_batch_pending(cli->engine, id, &memo, err);
		if (r == 0)
			r = vzr_cli_batch_recall(memo, given, &files, err);
	} else if (r == 0) {
		r = vzr_cli_batch_read(given, argc, argv, &files, err);
	}
	if (r == 0)
		r = make_batch(cli, given, &files, given->resume ? id : NULL, err);
	vzr_cli_batch_files_done(&files);
	return r;
}

const struct cli_command vzr_cmd_batch = {
	.name = "batch",
	.args = "DOMAIN.xml|DIR|-...",
	.summary = "Make many containers, several side by side",
	.details = "All of them are planned first: what can be refused is refused before the\n"
		   "first container. Each is made as by create; what is there already with the\n"
		   "same specification is left as it is.",
	.min_args = 0,
	.max_args = -1,
	.complete = CLI_COMPLETE_FILE,
	.options = options,
	.context_size = sizeof(struct cli_batch_options),
	.run = run,
};
