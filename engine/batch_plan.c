/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan of a batch: what can be refused is refused for all of them before the first is made. */
#include "engine/batch.h"

#include "engine/base/cleanup.h"
#include "engine/container.h"
#include "engine/specification.h"

#include <string.h>

#define FIRST_CTID 101u
#define LAST_CTID 2147483644u
/* Ids that look free but are refused, one after the other: then it is not the id. */
#define MAX_REFUSED_IDS 16

struct planning {
	struct vzr_batch *batch;
	struct vzr_container **known; /* records, by name */
	size_t n_known;
	struct vzr_list templates; /* models, of struct model; the batch keeps them */
	const struct vzr_handoff_ops *handoff;
	uint32_t *taken; /* ids that the batch itself asks for, sorted */
	size_t n_taken;
	uint32_t next; /* where the next free id is looked for */
	struct vzr_error first;
};

/* Notes why a job is refused; the first one of all is what the caller gets. */
static void refuse(struct planning *p, struct vzr_batch_job *job, const struct vzr_error *why)
{
	if (job->item.error.code)
		return;
	job->item.error = *why;
	if (p->first.code)
		return;
	p->first = *why;
	(void)vzr_batch_wrap(job, why->code, &p->first);
}

static bool refused(const struct vzr_batch_job *job)
{
	return job->item.error.code != 0;
}

/* ---- what is there already ---- */

static int by_name(const void *a, const void *b)
{
	const struct vzr_container *const *x = a, *const *y = b;

	return strcmp((*x)->name ? (*x)->name : "", (*y)->name ? (*y)->name : "");
}

static const struct vzr_container *find_named(const struct planning *p, const char *name)
{
	struct vzr_container key = { .name = (char *)(uintptr_t)name };
	const struct vzr_container *wanted = &key;
	struct vzr_container **found;

	if (!name || !p->n_known)
		return NULL;
	found = bsearch(&wanted, p->known, p->n_known, sizeof(*p->known), by_name);
	return found ? *found : NULL;
}

static void compare(struct planning *p, struct vzr_batch_job *job,
		    const struct vzr_container *there)
{
	struct vzr_error why = VZR_ERROR_INIT;

	if (there->specification && strcmp(there->specification, job->specification) == 0) {
		job->item.state = VZR_BATCH_SAME;
		job->item.ctid = there->ctid;
		return;
	}
	(void)vzr_fail(&why, -VZR_E_EXISTS,
		       "container %u exists already, with another specification: 'vzroot destroy "
		       "%u' removes it",
		       there->ctid, there->ctid);
	refuse(p, job, &why);
}

static void look_for_same(struct planning *p, struct vzr_batch_job *job)
{
	const struct vzr_settings *settings = p->batch->engine->settings;
	struct vzr_container *record = NULL;
	struct vzr_error why = VZR_ERROR_INIT;
	uint32_t ctid = job->request.ctid;

	if (job->done_before) {
		job->item.state = VZR_BATCH_SAME;
		return;
	}
	if (!ctid) {
		const struct vzr_container *there = find_named(p, job->domain->name);

		if (there)
			compare(p, job, there);
		return;
	}
	if (!vzr_record_exists(settings, ctid))
		return;
	if (vzr_record_get(settings, ctid, &record, &why) < 0)
		refuse(p, job, &why);
	else
		compare(p, job, record);
	vzr_container_free(record);
}

/* ---- two of one ---- */

/* One value of one job that no other may have. */
struct claim {
	const char *what; /* "name" */
	const char *text;
	struct vzr_batch_job *job;
};

static int by_text(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = strcmp(x->what, y->what);

	if (r == 0)
		r = strcmp(x->text, y->text);
	if (r != 0)
		return r;
	return x->job->item.index < y->job->item.index ? -1
						       : x->job->item.index > y->job->item.index;
}

static size_t count_claims(const struct vzr_batch *batch)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->jobs.count; i++) {
		const struct vzr_domain *d = vzr_batch_job(batch, i)->domain;

		count += 3;
		for (size_t j = 0; j < d->n_interfaces; j++)
			count += d->interfaces[j].n_ips;
	}
	return count;
}

static void add_claim(struct claim *claims, size_t *count, struct vzr_batch_job *job,
		      const char *what, const char *text)
{
	if (text)
		claims[(*count)++] = (struct claim){ what, text, job };
}

/* Texts of numbers and of addresses without their prefix are kept in @texts. */
static int collect(struct planning *p, struct claim *claims, size_t *count, struct vzr_list *texts)
{
	for (size_t i = 0; i < p->batch->jobs.count; i++) {
		struct vzr_batch_job *job = vzr_batch_job(p->batch, i);
		const struct vzr_domain *d = job->domain;

		add_claim(claims, count, job, "name", d->name);
		add_claim(claims, count, job, "UUID", d->uuid);
		if (job->request.ctid) {
			if (vzr_list_printf(texts, "%u", job->request.ctid) < 0)
				return -ENOMEM;
			add_claim(claims, count, job, "CTID", texts->items[texts->count - 1]);
		}
		for (size_t j = 0; j < d->n_interfaces; j++)
			for (size_t k = 0; k < d->interfaces[j].n_ips; k++) {
				const char *ip = d->interfaces[j].ips[k];

				if (vzr_list_printf(texts, "%.*s", (int)strcspn(ip, "/"), ip) < 0)
					return -ENOMEM;
				add_claim(claims, count, job, "address",
					  texts->items[texts->count - 1]);
			}
	}
	return 0;
}

static void refuse_twice(struct planning *p, const struct claim *first, const struct claim *second)
{
	struct vzr_error why = VZR_ERROR_INIT;

	if (first->job == second->job)
		return;
	(void)vzr_fail(&why, -VZR_E_INPUT, "%s has the %s %s too: two containers cannot share it",
		       first->job->label, first->what, first->text);
	refuse(p, second->job, &why);
}

static int check_twice(struct planning *p, struct vzr_error *err)
{
	VZR_AUTO_FREE struct claim *claims = calloc(count_claims(p->batch) + 1, sizeof(*claims));
	VZR_AUTO_TEXT_LIST struct vzr_list texts = { 0 };
	size_t count = 0, first = 0;

	if (!claims || collect(p, claims, &count, &texts) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot plan the batch");
	qsort(claims, count, sizeof(*claims), by_text);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(claims[i].what, claims[first].what) == 0 &&
		    strcmp(claims[i].text, claims[first].text) == 0)
			refuse_twice(p, &claims[first], &claims[i]);
		else
			first = i;
	}
	return 0;
}

/* ---- ids ---- */

static int by_id(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int collect_ids(struct planning *p, struct vzr_error *err)
{
	p->taken = calloc(p->batch->jobs.count + 1, sizeof(*p->taken));
	if (!p->taken)
		return vzr_fail_code(err, -ENOMEM, "cannot plan the batch");
	for (size_t i = 0; i < p->batch->jobs.count; i++)
		if (vzr_batch_job(p->batch, i)->item.ctid)
			p->taken[p->n_taken++] = vzr_batch_job(p->batch, i)->item.ctid;
	qsort(p->taken, p->n_taken, sizeof(*p->taken), by_id);
	p->next = p->batch->options.first_ctid ? p->batch->options.first_ctid : FIRST_CTID;
	return 0;
}

/* The next id that nobody has, from p->next on; 0: there is none, or @err says why. */
static uint32_t next_free(struct planning *p, struct vzr_error *err)
{
	const struct vzr_settings *settings = p->batch->engine->settings;

	while (p->next <= LAST_CTID) {
		uint32_t ctid = p->next++;
		int r;

		if (p->n_taken &&
		    bsearch(&ctid, p->taken, p->n_taken, sizeof(*p->taken), by_id))
			continue;
		if (vzr_record_exists(settings, ctid))
			continue;
		r = p->handoff->exists(settings, ctid, err);
		if (r <= 0)
			return r < 0 ? 0 : ctid;
	}
	(void)vzr_fail(err, -VZR_E_FAILED, "every container id is in use");
	return 0;
}

/* ---- templates and the other choices ---- */

/* A template that many containers share, under the name that their documents use. */
struct model {
	const char *name; /* lent by a domain of the batch */
	struct vzr_artefact *artefact;
};

static struct vzr_artefact *find_template(const struct planning *p, const char *name)
{
	for (size_t i = 0; name && i < p->templates.count; i++) {
		const struct model *model = p->templates.items[i];

		if (strcmp(model->name, name) == 0)
			return model->artefact;
	}
	return NULL;
}

/* The first decision of a template resolves it; the batch keeps it and lends it to all. */
static int keep_template(struct planning *p, struct vzr_batch_job *job, struct vzr_error *err)
{
	struct model *model = calloc(1, sizeof(*model));

	if (!model || vzr_list_add(&p->templates, model) < 0 ||
	    vzr_list_add(&p->batch->artefacts, job->decision.artefact) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot plan the batch");
	model->name = job->domain->root.source;
	model->artefact = job->decision.artefact;
	job->decision.artefact_lent = true;
	return 0;
}

/* What is chosen is told once for a template, not for each of its containers. */
static int decide(struct planning *p, struct vzr_batch_job *job, struct vzr_error *err)
{
	struct vzr_engine *engine = p->batch->engine;
	struct vzr_artefact *artefact = find_template(p, job->domain->root.source);
	vzr_event_fn fn = engine->ctx.fn;
	int r;

	if (artefact)
		engine->ctx.fn = NULL;
	r = vzr_decide_with(engine, job->domain, &job->request, artefact, &job->decision, err);
	engine->ctx.fn = fn;
	if (r == 0 && !artefact)
		r = keep_template(p, job, err);
	return r;
}

static int decide_free(struct planning *p, struct vzr_batch_job *job, struct vzr_error *err)
{
	int r = -VZR_E_EXISTS;

	for (int i = 0; i < MAX_REFUSED_IDS && r == -VZR_E_EXISTS; i++) {
		job->request.ctid = next_free(p, err);
		if (!job->request.ctid)
			return err->code;
		r = decide(p, job, err);
	}
	return r;
}

static int decide_all(struct planning *p, struct vzr_error *err)
{
	struct vzr_batch *batch = p->batch;

	for (size_t i = 0; i < batch->jobs.count; i++) {
		struct vzr_batch_job *job = vzr_batch_job(batch, i);
		struct vzr_error why = VZR_ERROR_INIT;
		int r = vzr_cancelled(&batch->engine->ctx, err);

		if (r < 0)
			return r;
		if (refused(job) || job->item.state == VZR_BATCH_SAME)
			continue;
		r = job->request.ctid ? decide(p, job, &why) : decide_free(p, job, &why);
		if (r < 0)
			refuse(p, job, &why);
		else
			job->item.ctid = job->request.ctid;
	}
	return 0;
}

int vzr_batch_fits(const struct vzr_batch *batch, struct vzr_error *err)
{
	uint64_t kib = 0, inodes = 0, free_kib = 0, free_inodes = 0;
	size_t count = 0;

	for (size_t i = 0; i < batch->jobs.count; i++) {
		const struct vzr_decision *d = &vzr_batch_job(batch, i)->decision;

		/* What is the same already has no decision. */
		if (!d->area || d->area->base == VZR_AREA_BASE_FIRST)
			continue;
		if (__builtin_add_overflow(kib, d->needs_kib, &kib) ||
		    __builtin_add_overflow(inodes, d->needs_inodes, &inodes))
			return vzr_fail(err, -VZR_E_NO_SPACE, "the batch is too large");
		free_kib = d->free_kib;
		free_inodes = d->free_inodes;
		count++;
	}
	if (count && kib > free_kib)
		return vzr_fail(err, -VZR_E_NO_SPACE,
				"the %zu containers need %llu KiB together, but the private "
				"areas' file system has only %llu free",
				count, (unsigned long long)kib, (unsigned long long)free_kib);
	if (count && inodes > free_inodes)
		return vzr_fail(err, -VZR_E_NO_SPACE,
				"the %zu containers need %llu inodes together, but the private "
				"areas' file system has only %llu free",
				count, (unsigned long long)inodes,
				(unsigned long long)free_inodes);
	return 0;
}

/* ---- the plan ---- */

static int choose_handoff(struct planning *p, struct vzr_error *err)
{
	struct vzr_engine *engine = p->batch->engine;
	struct vzr_decision d = { 0 };
	vzr_event_fn fn = engine->ctx.fn;
	int r;

	engine->ctx.fn = NULL;
	r = vzr_decide_handoff(engine, p->batch->options.request.handoff, &d, err);
	engine->ctx.fn = fn;
	p->handoff = d.handoff;
	vzr_decision_done(&d);
	return r;
}

static int begin(struct planning *p, struct vzr_error *err)
{
	struct vzr_batch *batch = p->batch;
	int r = vzr_recover_containers(batch->engine, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < batch->jobs.count; i++) {
		struct vzr_batch_job *job = vzr_batch_job(batch, i);

		job->specification = vzr_specification_digest(job->domain, &job->request);
		if (!job->specification)
			return vzr_fail_code(err, -ENOMEM, "cannot plan the batch");
	}
	if (batch->resume)
		r = vzr_batch_log_resume(batch, &batch->log, err);
	if (r >= 0)
		r = vzr_container_list(batch->engine, &p->known, &p->n_known, err);
	if (r < 0)
		return r;
	if (p->n_known)
		qsort(p->known, p->n_known, sizeof(*p->known), by_name);
	return choose_handoff(p, err);
}

static int plan(struct planning *p, struct vzr_error *err)
{
	int r = begin(p, err);

	if (r == 0)
		r = check_twice(p, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < p->batch->jobs.count; i++)
		look_for_same(p, vzr_batch_job(p->batch, i));
	r = collect_ids(p, err);
	if (r == 0)
		r = decide_all(p, err);
	if (r == 0 && p->first.code) {
		if (err)
			*err = p->first;
		r = p->first.code;
	}
	return r == 0 ? vzr_batch_fits(p->batch, err) : r;
}

int vzr_batch_plan(struct vzr_batch *batch, struct vzr_error *err)
{
	struct vzr_context *ctx = &batch->engine->ctx;
	struct planning p = { .batch = batch };
	struct vzr_error local = VZR_ERROR_INIT;
	uint64_t begun;
	int r;

	if (batch->planned)
		return vzr_fail(err, -VZR_E_USAGE, "the batch is planned already");
	if (!batch->jobs.count)
		return vzr_fail(err, -VZR_E_INPUT, "the batch has no containers");
	batch->planned = true;
	begun = vzr_stage_begin(ctx, "plan");
	r = vzr_stage_end(ctx, "plan", begun, plan(&p, &local));
	vzr_container_list_free(p.known, p.n_known);
	vzr_list_done(&p.templates, free);
	free(p.taken);
	if (r < 0 && err)
		*err = local;
	return r;
}
