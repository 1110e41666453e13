/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the containers of a batch share is got once, before the first of them. */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/prepared.h"

#include <string.h>

/* A prepared form costs as much as a container: it pays from the second on. */
#define PAYS_FROM 2

/* What is known of a template once its bytes are here goes to all who want it. */
static int share(struct vzr_batch *batch, const struct vzr_artefact *artefact,
		 const struct vzr_name *record, const struct vzr_blob *blob, struct vzr_error *err)
{
	for (size_t i = 0; i < batch->jobs.count; i++) {
		struct vzr_batch_job *job = vzr_batch_job(batch, i);
		struct vzr_decision *d = &job->decision;
		int r;

		if (d->artefact != artefact)
			continue;
		d->fetched = true;
		d->blob = blob->digest;
		d->needs_kib = record->unpacked_kib;
		d->needs_inodes = record->unpacked_inodes;
		r = vzr_decision_fits(d, job->domain, err);
		if (r < 0)
			return vzr_batch_wrap(job, r, err);
	}
	return 0;
}

static int fetch(struct vzr_batch *batch, const struct vzr_artefact *artefact,
		 struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_engine *engine = batch->engine;
	uint64_t begun = vzr_stage_begin(&engine->ctx, "fetch");
	int r = vzr_catalogue_fetch(engine->catalogue, artefact, &blob, err);

	(void)vzr_stage_end(&engine->ctx, "fetch", begun, r < 0 ? r : 0);
	if (r >= 0)
		r = vzr_store_name_get(engine->store, artefact->name, &record, err);
	return r < 0 ? r : share(batch, artefact, &record, &blob, err);
}

/* ---- prepared forms ---- */

/* The first job that would clone a form of the template, and how many would. */
static struct vzr_batch_job *who_clones(const struct vzr_batch *batch,
					const struct vzr_artefact *artefact, size_t *ret_count)
{
	struct vzr_batch_job *first = NULL;

	*ret_count = 0;
	for (size_t i = batch->jobs.count; i > 0; i--) {
		struct vzr_batch_job *job = vzr_batch_job(batch, i - 1);
		const struct vzr_decision *d = &job->decision;

		if (d->artefact != artefact || d->area_best->base == VZR_AREA_BASE_NONE)
			continue;
		first = job;
		++*ret_count;
	}
	return first;
}

/* From now on the containers of this template are cloned. */
static int settle(struct vzr_batch *batch, const struct vzr_artefact *artefact,
		  struct vzr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch->jobs.count; i++) {
		struct vzr_decision *d = &vzr_batch_job(batch, i)->decision;

		if (d->artefact == artefact)
			r = vzr_area_settle(batch->engine, d, &d->blob, err);
	}
	return r;
}

static int prepare(struct vzr_batch *batch, const struct vzr_artefact *artefact,
		   struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_context *ctx = &batch->engine->ctx;
	struct vzr_error why = VZR_ERROR_INIT;
	const struct vzr_batch_job *job;
	size_t count;
	int r;

	job = who_clones(batch, artefact, &count);
	if (!job || (count < PAYS_FROM && !job->decision.area_forced &&
		     job->decision.area_best->base == VZR_AREA_BASE_LATER))
		return 0;
	r = vzr_store_blob_open(batch->engine->store, &job->decision.blob, &blob, err);
	if (r < 0)
		return r;
	r = vzr_area_prepare_form(batch->engine, &job->decision, &blob, &why);
	/* Without room for a form each container is unpacked on its own, as create does it. */
	if ((r == -VZR_E_NO_SPACE || r == -ENOSPC) && !job->decision.area_forced) {
		vzr_warn(ctx, "the template is not prepared: %s", why.msg);
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return r;
	}
	r = settle(batch, artefact, err);
	if (r == 0)
		vzr_choice(ctx, "area", job->decision.area->name,
			   "the template is prepared, and cloned for each container");
	return r;
}

int vzr_batch_fetch(struct vzr_batch *batch, struct vzr_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < batch->artefacts.count; i++) {
		struct vzr_artefact *artefact = batch->artefacts.items[i];

		r = vzr_cancelled(&batch->engine->ctx, err);
		if (r == 0)
			r = fetch(batch, artefact, err);
	}
	if (r == 0)
		r = vzr_batch_fits(batch, err);
	for (size_t i = 0; r == 0 && i < batch->artefacts.count; i++)
		r = prepare(batch, batch->artefacts.items[i], err);
	return r;
}
