/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan: all that can be decided without changing anything. */
#include "engine/plan.h"

#include "engine/base/cleanup.h"
#include "engine/base/size.h"
#include "engine/container.h"
#include "engine/limits.h"
#include "engine/prepared.h"

#include <string.h>

#define NAME_OF_NO_QUOTA "none"
#define FIRST_EXAMPLE 101
#define LAST_EXAMPLE 1101 /* beyond it creation will tell */

void vzr_decision_done(struct vzr_decision *d)
{
	free(d->private_path);
	if (!d->artefact_lent)
		vzr_artefact_free(d->artefact);
	vzr_list_done(&d->notes, free);
	*d = (struct vzr_decision){ 0 };
}

/* The caller's word, else the configuration's, else NULL for "the best". */
static const char *wish(struct vzr_engine *engine, const char *asked, const char *key)
{
	return asked ? asked : vzr_settings_get(engine->settings, key);
}

static int add_note(struct vzr_decision *d, const char *what, const char *chosen,
		    const char *reason, struct vzr_error *err)
{
	if (vzr_list_printf(&d->notes, "%s %s: %s", what, chosen, reason) < 0)
		return vzr_fail_code(err, -ENOMEM, "cannot plan");
	return 0;
}

static int note_choice(struct vzr_engine *engine, struct vzr_decision *d, const char *what,
		       const char *chosen, const char *reason, struct vzr_error *err)
{
	vzr_choice(&engine->ctx, what, chosen, reason);
	return add_note(d, what, chosen, reason, err);
}

/* ---- handoff ---- */

int vzr_decide_handoff(struct vzr_engine *engine, const char *asked, struct vzr_decision *d,
		       struct vzr_error *err)
{
	const char *name = wish(engine, asked, "HANDOFF");
	char reason[VZR_HANDOFF_REASON] = "as asked";

	if (name) {
		d->handoff = vzr_handoff_find(name);
		if (!d->handoff)
			return vzr_fail(err, -VZR_E_UNSUPPORTED,
					"there is no handoff '%s' (see 'vzroot version')", name);
		return note_choice(engine, d, "handoff", name, reason, err);
	}
	for (size_t i = 0; !d->handoff && vzr_handoff_get(i); i++)
		if (vzr_handoff_get(i)->probe(engine->settings, reason) == 1)
			d->handoff = vzr_handoff_get(i);
	if (!d->handoff) {
		d->handoff = vzr_handoff_get(0);
		(void)d->handoff->probe(engine->settings, reason);
	}
	return note_choice(engine, d, "handoff", d->handoff->name, reason, err);
}

static int check_container(struct vzr_engine *engine, struct vzr_decision *d,
			   const struct vzr_domain *domain, struct vzr_error *err)
{
	const struct vzr_handoff_job job = {
		.ctx = &engine->ctx,
		.settings = engine->settings,
		.domain = domain,
		.ctid = d->ctid,
		.name = domain->name,
		.uuid = domain->uuid,
		.private_path = d->private_path,
		.template_name = domain->root.source,
	};

	if (vzr_record_exists(engine->settings, d->ctid))
		return vzr_fail(err, -VZR_E_EXISTS,
				"container %u exists already: choose another with --ctid, or "
				"remove it with 'vzroot destroy %u'",
				d->ctid, d->ctid);
	return d->handoff->check(&job, err);
}

static int check_ctid(struct vzr_engine *engine, struct vzr_decision *d,
		      const struct vzr_domain *domain, uint32_t ctid, struct vzr_error *err)
{
	free(d->private_path);
	d->ctid = ctid;
	d->private_path = d->handoff->private_path(engine->settings, ctid);
	if (!d->private_path)
		return vzr_fail_code(err, -ENOMEM, "cannot plan");
	return check_container(engine, d, domain, err);
}

/* Of an id that creation will take: what is refused is refused now, but the id stays open. */
static int check_some_ctid(struct vzr_engine *engine, struct vzr_decision *d,
			   const struct vzr_domain *domain, struct vzr_error *err)
{
	int r = -VZR_E_EXISTS;

	for (uint32_t ctid = FIRST_EXAMPLE; r == -VZR_E_EXISTS && ctid < LAST_EXAMPLE; ctid++)
		if (!vzr_record_exists(engine->settings, ctid))
			r = check_ctid(engine, d, domain, ctid, err);
	free(vzr_take_ptr(d->private_path));
	d->ctid = 0;
	return r == -VZR_E_EXISTS ? 0 : r;
}

static int choose_ctid(struct vzr_engine *engine, struct vzr_decision *d,
		       const struct vzr_domain *domain, const struct vzr_request *request,
		       struct vzr_error *err)
{
	uint32_t ctid = request->ctid ? request->ctid : domain->ctid;

	return ctid ? check_ctid(engine, d, domain, ctid, err)
		    : check_some_ctid(engine, d, domain, err);
}

/* ---- quota ---- */

struct vzr_quota_job vzr_decision_quota_job(struct vzr_engine *engine,
					    const struct vzr_decision *d,
					    const struct vzr_domain *domain)
{
	return (struct vzr_quota_job){
		.ctx = &engine->ctx,
		.settings = engine->settings,
		.handoff = d->handoff->name,
		.ctid = d->ctid,
		.private_path = d->private_path,
		.vm = &domain->vm,
		.users = domain->users,
		.n_users = domain->n_users,
		.groups = domain->groups,
		.n_groups = domain->n_groups,
	};
}

static int refuse_quota(const struct vzr_list *reasons, struct vzr_error *err)
{
	VZR_AUTO_BUF struct vzr_buf text = { 0 };

	for (size_t i = 0; i < reasons->count; i++)
		if (vzr_buf_printf(&text, "%s%s", i ? "; " : "",
				   (const char *)reasons->items[i]) < 0)
			break;
	return vzr_fail(err, -VZR_E_QUOTA_UNSUPPORTED,
			"the document's limits cannot be enforced here (%s); --quota=none creates "
			"the container without limits",
			vzr_buf_cstr(&text));
}

static int choose_quota(struct vzr_engine *engine, struct vzr_decision *d,
			const struct vzr_domain *domain, const struct vzr_request *request,
			struct vzr_error *err)
{
	const struct vzr_quota_job job = vzr_decision_quota_job(engine, d, domain);
	const char *name = wish(engine, request->quota, "QUOTA");
	VZR_AUTO_TEXT_LIST struct vzr_list reasons = { 0 };
	char reason[VZR_QUOTA_REASON] = "";

	if (name && strcmp(name, NAME_OF_NO_QUOTA) == 0) {
		d->quota_refused = true;
		return note_choice(engine, d, "quota", name,
				   vzr_quota_asked(&job)
					   ? "as asked: the document's limits are NOT enforced"
					   : "as asked",
				   err);
	}
	if (name && !vzr_quota_find(name))
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"there is no quota back end '%s' (see 'vzroot version')", name);
	for (size_t i = 0; vzr_quota_get(i); i++) {
		const struct vzr_quota_ops *ops = vzr_quota_get(i);

		if (name && strcmp(name, ops->name) != 0)
			continue;
		if (ops->probe(&job, reason) == 1) {
			d->quota = ops;
			return note_choice(engine, d, "quota", ops->name, reason, err);
		}
		if (vzr_list_printf(&reasons, "%s: %s", ops->name, reason) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot plan");
	}
	if (vzr_quota_asked(&job) || name)
		return refuse_quota(&reasons, err);
	return note_choice(engine, d, "quota", NAME_OF_NO_QUOTA, "the document asks for no limits",
			   err);
}

/* ---- template and sizes ---- */

static int choose_template(struct vzr_engine *engine, struct vzr_decision *d,
			   const struct vzr_domain *domain, struct vzr_error *err)
{
	int r = d->artefact ? 0 : vzr_engine_catalogue(engine, err);

	if (r == 0 && !d->artefact)
		r = vzr_catalogue_resolve(engine->catalogue, domain->root.source, 0, &d->artefact,
					  err);
	if (r < 0)
		return r;
	d->needs_kib = d->artefact->unpacked_kib;
	d->needs_inodes = d->artefact->unpacked_inodes;
	return add_note(d, "source", d->artefact->source,
			d->artefact->trust ? d->artefact->trust : "trust not told", err);
}

static int refuse_size(const struct vzr_decision *d, const char *what, uint64_t needs,
		       uint64_t limit, bool quota, struct vzr_error *err)
{
	return vzr_fail(err, quota ? -VZR_E_OVER_QUOTA : -VZR_E_NO_SPACE,
			"template %s needs %llu %s, but %s %llu %s%s", d->artefact->name,
			(unsigned long long)needs, what,
			quota ? "the document's limit for the VM is"
			      : "the private areas' file system has only",
			(unsigned long long)limit, what,
			quota ? ": raise the limit or take a smaller template" : " free");
}

int vzr_decision_fits(const struct vzr_decision *d, const struct vzr_domain *domain,
		      struct vzr_error *err)
{
	uint64_t packed_kib = vzr_kib_up(d->artefact->size_bytes);
	uint64_t kib = d->needs_kib ? d->needs_kib : packed_kib;
	bool limited = !d->quota_refused;

	if (limited && domain->vm.block_hard_kib != VZR_NO_LIMIT &&
	    kib > domain->vm.block_hard_kib)
		return refuse_size(d, "KiB", kib, domain->vm.block_hard_kib, true, err);
	if (limited && domain->vm.inode_hard != VZR_NO_LIMIT &&
	    d->needs_inodes > domain->vm.inode_hard)
		return refuse_size(d, "inodes", d->needs_inodes, domain->vm.inode_hard, true, err);
	if (kib > d->free_kib && kib - d->free_kib > d->evictable_kib)
		return refuse_size(d, "KiB", kib, d->free_kib, false, err);
	if (d->needs_inodes > d->free_inodes &&
	    d->needs_inodes - d->free_inodes > d->evictable_inodes)
		return refuse_size(d, "inodes", d->needs_inodes, d->free_inodes, false, err);
	return 0;
}

int vzr_decision_fits_sample(const struct vzr_decision *d, const struct vzr_limits *vm,
			     uint64_t kib, uint64_t inodes, struct vzr_error *err)
{
	const struct {
		const char *what;
		uint64_t needs, limit;
	} rows[] = { { "KiB", kib, vm->block_hard_kib }, { "inodes", inodes, vm->inode_hard } };

	for (size_t i = 0; i < VZR_COUNT(rows); i++)
		if (rows[i].limit != VZR_NO_LIMIT && rows[i].needs > rows[i].limit)
			return vzr_fail(err, -VZR_E_OVER_QUOTA,
					"template %s needs %llu %s, but the sample of %s limits "
					"the VM to %llu %s: set a limit in the document, or take "
					"another sample",
					d->artefact->name, (unsigned long long)rows[i].needs,
					rows[i].what, d->handoff->name,
					(unsigned long long)rows[i].limit, rows[i].what);
	return 0;
}

int vzr_decide(struct vzr_engine *engine, const struct vzr_domain *domain,
	       const struct vzr_request *request, struct vzr_decision *ret_decision,
	       struct vzr_error *err)
{
	return vzr_decide_with(engine, domain, request, NULL, ret_decision, err);
}

int vzr_decide_with(struct vzr_engine *engine, const struct vzr_domain *domain,
		    const struct vzr_request *request, struct vzr_artefact *artefact,
		    struct vzr_decision *ret_decision, struct vzr_error *err)
{
	struct vzr_decision d = { .artefact = artefact, .artefact_lent = artefact != NULL };
	int r;

	if (domain->root.type != VZR_ROOT_TEMPLATE)
		return vzr_fail(err, -VZR_E_NOTHING,
				"the document has no template root, so there is nothing to "
				"provision (its root is of type '%s')",
				vzr_root_type_name(domain->root.type));
	r = vzr_decide_handoff(engine, request->handoff, &d, err);
	if (r == 0)
		r = choose_ctid(engine, &d, domain, request, err);
	if (r == 0)
		r = vzr_area_choose(engine, &d, request, err);
	if (r == 0)
		r = choose_quota(engine, &d, domain, request, err);
	if (r == 0)
		r = choose_template(engine, &d, domain, err);
	if (r == 0)
		r = vzr_area_settle(engine, &d, d.artefact->has_digest ? &d.artefact->digest : NULL,
				    err);
	if (r == 0)
		r = note_choice(engine, &d, "area", d.area->name, d.area_reason, err);
	if (r == 0)
		r = vzr_decision_fits(&d, domain, err);
	if (r < 0) {
		vzr_decision_done(&d);
		return r;
	}
	*ret_decision = d;
	return 0;
}

/* ---- public ---- */

static char *dup_or_null(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

static int to_plan(struct vzr_engine *engine, struct vzr_decision *d, struct vzr_plan *plan)
{
	const struct vzr_artefact *a = d->artefact;
	bool failed = false;

	plan->ctid = d->ctid;
	plan->template_name = dup_or_null(a->name, &failed);
	plan->digest = a->has_digest ? vzr_digest_dup(&a->digest) : NULL;
	plan->source = dup_or_null(a->source, &failed);
	plan->trust = dup_or_null(a->trust, &failed);
	plan->location = dup_or_null(a->cached ? "cached" : a->location, &failed);
	plan->area = dup_or_null(d->area->name, &failed);
	plan->quota = dup_or_null(d->quota ? d->quota->name : NAME_OF_NO_QUOTA, &failed);
	plan->handoff = dup_or_null(d->handoff->name, &failed);
	plan->private_path = dup_or_null(d->private_path ? d->private_path
							 : vzr_setting(engine->settings,
								       "VE_PRIVATE"),
					 &failed);
	plan->needs_kib = d->needs_kib;
	plan->needs_inodes = d->needs_inodes;
	plan->free_kib = d->free_kib;
	plan->free_inodes = d->free_inodes;
	plan->notes = (char **)d->notes.items;
	plan->n_notes = d->notes.count;
	d->notes = (struct vzr_list){ 0 };
	return failed || (a->has_digest && !plan->digest) ? -ENOMEM : 0;
}

int vzr_plan(struct vzr_engine *engine, const struct vzr_domain *domain,
	     const struct vzr_request *request, struct vzr_plan **ret_plan, struct vzr_error *err)
{
	struct vzr_decision d = { 0 };
	struct vzr_plan *plan;
	int r = vzr_decide(engine, domain, request, &d, err);

	if (r < 0)
		return r;
	plan = calloc(1, sizeof(*plan));
	r = plan ? to_plan(engine, &d, plan) : -ENOMEM;
	vzr_decision_done(&d);
	if (r < 0) {
		vzr_plan_free(plan);
		return vzr_fail_code(err, r, "cannot plan");
	}
	*ret_plan = plan;
	return 0;
}

void vzr_plan_free(struct vzr_plan *plan)
{
	if (!plan)
		return;
	free(plan->template_name);
	free(plan->digest);
	free(plan->source);
	free(plan->trust);
	free(plan->location);
	free(plan->area);
	free(plan->quota);
	free(plan->handoff);
	free(plan->private_path);
	for (size_t i = 0; i < plan->n_notes; i++)
		free(plan->notes[i]);
	free(plan->notes);
	free(plan);
}
