/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A batch: the containers that were added, and what is told of them. */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"

#include <string.h>

static int copy_texts(struct vzr_batch *batch)
{
	struct vzr_batch_options *o = &batch->options;
	const struct {
		const char **given;
		char **copy;
	} texts[] = {
		{ &o->request.area, &batch->area },	  { &o->request.quota, &batch->quota },
		{ &o->request.handoff, &batch->handoff }, { &o->memo, &batch->memo },
		{ &o->resume, &batch->resume },
	};

	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		if (!*texts[i].given)
			continue;
		*texts[i].copy = strdup(*texts[i].given);
		if (!*texts[i].copy)
			return -ENOMEM;
		*texts[i].given = *texts[i].copy;
	}
	return 0;
}

int vzr_batch_new(struct vzr_engine *engine, const struct vzr_batch_options *options,
		  struct vzr_batch **ret_batch, struct vzr_error *err)
{
	size_t size = options->size < sizeof(*options) ? options->size : sizeof(*options);
	struct vzr_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return vzr_fail_code(err, -ENOMEM, "cannot make a batch");
	batch->engine = engine;
	memcpy(&batch->options, options, size);
	batch->options.request.size = sizeof(batch->options.request);
	if (copy_texts(batch) < 0) {
		vzr_batch_free(batch);
		return vzr_fail_code(err, -ENOMEM, "cannot make a batch");
	}
	if (batch->memo && strchr(batch->memo, '\n')) {
		vzr_batch_free(batch);
		return vzr_fail(err, -VZR_E_INPUT, "the memo of a batch is one line");
	}
	*ret_batch = batch;
	return 0;
}

static void free_job(void *item)
{
	struct vzr_batch_job *job = item;

	vzr_domain_free(job->domain);
	vzr_decision_done(&job->decision);
	free(job->specification);
	free(job->label);
	free(job);
}

static void free_artefact(void *item)
{
	vzr_artefact_free(item);
}

void vzr_batch_free(struct vzr_batch *batch)
{
	if (!batch)
		return;
	vzr_list_done(&batch->jobs, free_job);
	vzr_list_done(&batch->artefacts, free_artefact);
	vzr_batch_log_close(batch->log);
	free(batch->area);
	free(batch->quota);
	free(batch->handoff);
	free(batch->memo);
	free(batch->resume);
	free(batch);
}

int vzr_batch_add(struct vzr_batch *batch, const char *label, struct vzr_domain *domain,
		  uint32_t ctid, struct vzr_error *err)
{
	struct vzr_batch_job *job = calloc(1, sizeof(*job));
	char text[VZR_MESSAGE_TEXT];

	if (!job) {
		vzr_domain_free(domain);
		return vzr_fail_code(err, -ENOMEM, "cannot add to the batch");
	}
	job->domain = domain;
	job->label = strdup(vzr_escape(text, sizeof(text), label));
	job->request = batch->options.request;
	job->request.ctid = ctid ? ctid : domain->ctid;
	if (!job->label || vzr_list_add(&batch->jobs, job) < 0) {
		free_job(job);
		return vzr_fail_code(err, -ENOMEM, "cannot add to the batch");
	}
	job->item.index = batch->jobs.count - 1;
	job->item.label = job->label;
	job->item.name = domain->name;
	job->item.template_name = domain->root.source;
	job->item.ctid = job->request.ctid;
	return 0;
}

const struct vzr_batch_item *vzr_batch_get(const struct vzr_batch *batch, size_t index)
{
	return index < batch->jobs.count ? &vzr_batch_job(batch, index)->item : NULL;
}

void vzr_batch_count(const struct vzr_batch *batch, struct vzr_batch_totals *ret_totals)
{
	struct vzr_batch_totals totals = { 0 };
	size_t *const counts[] = {
		[VZR_BATCH_WAITING] = &totals.waiting, [VZR_BATCH_RUNNING] = &totals.running,
		[VZR_BATCH_CREATED] = &totals.created, [VZR_BATCH_SAME] = &totals.same,
		[VZR_BATCH_FAILED] = &totals.failed,
	};

	for (size_t i = 0; i < batch->jobs.count; i++)
		++*counts[vzr_batch_job(batch, i)->item.state];
	if (batch->begun_us)
		totals.elapsed_us = vzr_monotonic_us() - batch->begun_us;
	*ret_totals = totals;
}

int vzr_batch_wrap(const struct vzr_batch_job *job, int code, struct vzr_error *err)
{
	return vzr_wrap(err, code, "%s", job->label);
}
