/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of "batch": what it reads, how it shows its work, and the report. */
#pragma once

#include "cli/cli.h"

/** The options of the command. */
struct cli_batch_options {
	uint32_t workers;    /**< -j */
	uint32_t first_ctid; /**< --ctid-from; 0: not given */
	uint32_t count;	     /**< --count; 0: not given */
	const char *manifest;
	const char *report;
	const char *area;
	const char *quota;
	const char *handoff;
	bool keep_going;
	bool resume;
	bool no_sync;
	bool dry_run;
};

/** One file that was read. */
struct cli_batch_file {
	char *name; /**< as in messages */
	char *text;
	size_t length;
};

/** Everything that a batch is made of. Zero-initialise; vzr_cli_batch_files_done() releases it. */
struct cli_batch_files {
	struct cli_batch_file *documents;
	size_t n_documents;
	struct cli_batch_file manifest; /**< text NULL: none */
	char *texts[3];	/**< of options that came out of a memo */
};
void vzr_cli_batch_files_done(struct cli_batch_files *files);

/** Reads the operands (files, directories with *.xml, "-") and the manifest. */
VZR_CHECK int vzr_cli_batch_read(const struct cli_batch_options *options, int argc, char **argv,
				 struct cli_batch_files *ret_files, struct vzr_error *err);

/** Options and files as one line, to make the same batch again; the caller frees. */
char *vzr_cli_batch_memo(const struct cli_batch_options *options,
			 const struct cli_batch_files *files);

/** The other way round; of the options, those that change the containers are taken over. */
VZR_CHECK int vzr_cli_batch_recall(const char *memo, struct cli_batch_options *options,
				   struct cli_batch_files *ret_files, struct vzr_error *err);

/** Adds to @batch one container per document, row of the manifest, or --count. */
VZR_CHECK int vzr_cli_batch_fill(struct cli *cli, const struct cli_batch_options *options,
				 const struct cli_batch_files *files, struct vzr_batch *batch,
				 struct vzr_error *err);

/** How the work is shown while it goes on. */
struct cli_batch_view {
	struct cli *cli;
	const struct vzr_batch *batch;
	size_t total;	   /**< containers */
	size_t ended;	   /**< of them */
	uint64_t drawn_ms; /**< when the terminal was last written to */
	unsigned int lines; /**< that are on the terminal and are to be redrawn */
	char warned[256];   /**< the last warning: of the next container it says nothing new */
};

/** Lets the view have the terminal, if there is one. */
void vzr_cli_batch_open(struct cli_batch_view *view);

/** A vzr_batch_fn; @data is the struct cli_batch_view. */
void vzr_cli_batch_step(void *data, const struct vzr_batch_item *item,
			const struct vzr_event *event);

/** Takes away what is to be redrawn. */
void vzr_cli_batch_clear(struct cli_batch_view *view);

/** Summary: what became of the containers, and how long their stages took. */
void vzr_cli_batch_summary(struct cli_batch_view *view);

/** The plan, as a table or an object a container. */
void vzr_cli_batch_plan(struct cli *cli, const struct vzr_batch *batch);

/** Writes the page. */
VZR_CHECK int vzr_cli_batch_report(const char *path, const struct vzr_batch *batch,
				   const struct vzr_error *outcome, struct vzr_error *err);

/** "1.234 s", "12 ms" from microseconds. Returns @out. */
char *vzr_cli_duration(uint64_t us, char out[32]);

/** "created", "same", ... Static. */
const char *vzr_cli_batch_state(enum vzr_batch_state state);

/** Durations of one stage over all containers. */
struct cli_stage_times {
	char name[16];
	size_t count;
	uint64_t min_us, median_us, max_us;
};

#define CLI_STAGES_MAX 16

/** Fills @out in the order in which the stages come; the number of them. */
size_t vzr_cli_batch_times(const struct vzr_batch *batch,
			   struct cli_stage_times out[CLI_STAGES_MAX]);
