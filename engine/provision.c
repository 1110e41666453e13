/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The transaction that makes one container: each stage recorded before it acts. */
#include "engine/creation.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"
#include "engine/base/size.h"
#include "engine/base/time.h"
#include "engine/container.h"
#include "engine/guest/guest.h"
#include "engine/journal.h"
#include "engine/limits.h"
#include "engine/owners.h"
#include "engine/plan.h"
#include "engine/prepared.h"
#include "engine/specification.h"
#include "engine/staging.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_CTID 101u
#define LAST_CTID 2147483644u
/* Ids that look free but are refused: after so many it is not the id (but the name, say). */
#define MAX_REFUSED_IDS 16

/* Nothing is synced one by one: never, or because the caller syncs for many. */
static bool sync_later(const struct vzr_creation *c)
{
	return c->request.no_sync || c->grouped;
}

static struct vzr_handoff_job handoff_job(struct vzr_creation *c)
{
	return (struct vzr_handoff_job){
		.ctx = &c->engine->ctx,
		.settings = c->engine->settings,
		.domain = c->domain,
		.ctid = c->decision.ctid,
		.name = c->name,
		.uuid = c->uuid,
		.private_path = c->decision.private_path,
		.template_name = c->decision.artefact->name,
		.quota_conf = &c->quota_conf,
		.quota_none = c->decision.quota_refused,
		.staging_fd = c->staging.fd,
		.staging_name = c->staging.name,
		.overlay_lower = c->overlay_lower,
		.no_sync = sync_later(c),
	};
}

static struct vzr_quota_job quota_job(struct vzr_creation *c)
{
	struct vzr_quota_job job = vzr_decision_quota_job(c->engine, &c->decision, c->domain);

	job.users = c->users;
	job.groups = c->groups;
	job.tree_inodes = c->unpacked.inodes;
	job.no_sync = sync_later(c);
	return job;
}

/* ---- stages ---- */

int vzr_creation_fetch(struct vzr_creation *c, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	struct vzr_decision *d = &c->decision;
	int r;

	if (d->fetched)
		return vzr_store_blob_open(c->engine->store, &d->blob, &c->blob, err);
	r = vzr_catalogue_fetch(c->engine->catalogue, d->artefact, &c->blob, err);
	if (r >= 0)
		r = vzr_store_name_get(c->engine->store, d->artefact->name, &record, err);
	if (r < 0)
		return r;
	/* Admission knows the sizes that no index tells. */
	d->needs_kib = record.unpacked_kib;
	d->needs_inodes = record.unpacked_inodes;
	return vzr_decision_fits(d, c->domain, err);
}

/* What is unpacked while it comes needs a place first. */
static int stage_fetch(struct vzr_creation *c, struct vzr_error *err)
{
	return vzr_area_streams(&c->decision) ? 0 : vzr_creation_fetch(c, err);
}

static int make_identity(struct vzr_creation *c, struct vzr_error *err)
{
	unsigned char b[16];

	if (c->domain->name)
		snprintf(c->name, sizeof(c->name), "%s", c->domain->name);
	else
		snprintf(c->name, sizeof(c->name), "%u", c->decision.ctid);
	if (c->domain->uuid) {
		snprintf(c->uuid, sizeof(c->uuid), "%s", c->domain->uuid);
		return 0;
	}
	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return vzr_fail_errno(err, "cannot make a UUID");
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* version 4, RFC 4122 */
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(c->uuid, sizeof(c->uuid),
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
		 b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
		 b[14], b[15]);
	return 0;
}

/* Locks decision.ctid and checks again, now that nobody else can take it. */
static int claim_ctid(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_handoff_ops *handoff = c->decision.handoff;
	struct vzr_handoff_job job;
	int r = make_identity(c, err);

	if (r < 0)
		return r;
	job = handoff_job(c);
	job.sync_records = c->grouped && !c->request.no_sync;
	r = handoff->lock(&job, c->undo, err);
	if (r < 0)
		return r;
	job.ctx = NULL; /* the plan has told what there was to tell */
	r = vzr_record_exists(c->engine->settings, c->decision.ctid)
		    ? vzr_fail(err, -VZR_E_EXISTS, "container %u exists already", c->decision.ctid)
		    : handoff->check(&job, err);
	job.ctx = &c->engine->ctx;
	if (r < 0)
		handoff->unlock(&job);
	return r;
}

static int take_ctid(struct vzr_creation *c, uint32_t ctid, struct vzr_error *err)
{
	free(c->decision.private_path);
	c->decision.private_path = c->decision.handoff->private_path(c->engine->settings, ctid);
	c->decision.ctid = ctid;
	return c->decision.private_path ? 0 : vzr_fail_code(err, -ENOMEM, "cannot take an id");
}

/* 1 if @ctid was claimed, 0 if it is in use, < 0 on another error. */
static int try_ctid(struct vzr_creation *c, uint32_t ctid, unsigned int *refused,
		    struct vzr_error *err)
{
	int r = vzr_record_exists(c->engine->settings, ctid)
			? 1
			: c->decision.handoff->exists(c->engine->settings, ctid, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = take_ctid(c, ctid, err);
	if (r == 0)
		r = claim_ctid(c, err);
	if (r == -VZR_E_BUSY)
		return 0;
	if (r == -VZR_E_EXISTS && ++*refused < MAX_REFUSED_IDS)
		return 0;
	return r < 0 ? r : 1;
}

static int stage_claim(struct vzr_creation *c, struct vzr_error *err)
{
	unsigned int refused = 0;
	int r = vzr_journal_begin(c->engine->settings, "create", sync_later(c), &c->undo, err);

	if (r < 0)
		return r;
	/* One sync for both: lock and staging are named on disk before a crash could leave them. */
	if (c->grouped)
		r = vzr_creation_open_staging(c, err);
	if (r < 0)
		return r;
	if (c->decision.ctid)
		return claim_ctid(c, err);
	for (uint32_t ctid = FIRST_CTID; ctid <= LAST_CTID; ctid++) {
		r = try_ctid(c, ctid, &refused, err);
		if (r != 0)
			return r < 0 ? r : 0;
		r = vzr_cancelled(&c->engine->ctx, err);
		if (r < 0)
			return r;
	}
	return vzr_fail(err, -VZR_E_FAILED, "every container id is in use");
}

static int stage_guest(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_guest_job job = {
		.ctx = &c->engine->ctx,
		.root_fd = c->root_fd,
		.hostname = vzr_domain_hostname(c->domain),
		.nameservers = (const char *const *)c->domain->nameservers,
		.n_nameservers = c->domain->n_nameservers,
	};

	return vzr_guest_customise(&job, err);
}

/* Without a back end, what an earlier container of this id left must go all the same. */
static int remove_stale_quota(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_quota_job job = quota_job(c);
	int r = 0;

	for (size_t i = 0; r == 0 && vzr_quota_get(i); i++)
		r = vzr_quota_get(i)->remove(&job, err);
	return r;
}

static int stage_quota(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_domain *d = c->domain;
	struct vzr_quota_job job;
	int r;

	if (!c->decision.quota)
		return remove_stale_quota(c, err);
	r = vzr_owners_resolve(c->root_fd, d->users, d->n_users, false, &c->users, err);
	if (r == 0)
		r = vzr_owners_resolve(c->root_fd, d->groups, d->n_groups, true, &c->groups, err);
	if (r < 0)
		return r;
	job = quota_job(c);
	if (job.n_users || job.n_groups) {
		r = vzr_guest_count_owners(c->root_fd, &job.owner_count, err);
		if (r < 0)
			return r;
	}
	return c->decision.quota->set(&job, c->undo, &c->quota_conf, err);
}

/* The configuration is made in memory and read back from there before anything is visible. */
static int stage_configure(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_handoff_job job = handoff_job(c);
	struct vzr_quota_job quota;
	int r = c->decision.handoff->prepare(&job, &c->conf, err);

	/* The root is as it will be; where it is a mount, that goes before the tree is moved. */
	vzr_closep(&c->root_fd);
	c->root_fd = -1;
	if (r < 0 || !c->decision.quota)
		return r;
	quota = quota_job(c);
	r = c->decision.quota->read_back(&quota, &c->conf, &c->state, err);
	if (r == 0)
		r = vzr_quota_compare(&quota, &c->state, err);
	/* A limit that the document leaves to the target's sample may be too small. */
	return r < 0 ? r
		     : vzr_decision_fits_sample(&c->decision, &c->state.vm, c->unpacked.kib,
						c->unpacked.inodes, err);
}

static int stage_sync(struct vzr_creation *c, struct vzr_error *err)
{
	if (!c->request.no_sync && syncfs(c->tree_fd) < 0)
		return vzr_fail_errno(err, "cannot sync the private areas' file system");
	return 0;
}

static char *dup_text(const char *text, int *r)
{
	char *copy = text ? strdup(text) : NULL;

	if (text && !copy)
		*r = -ENOMEM;
	return copy;
}

static int make_record(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_decision *d = &c->decision;
	struct vzr_container *container = calloc(1, sizeof(*container));
	int r = container ? 0 : -ENOMEM;

	c->container = container;
	if (r < 0)
		return vzr_fail_code(err, r, "cannot record the container");
	container->ctid = d->ctid;
	container->name = dup_text(c->name, &r);
	container->uuid = dup_text(c->uuid, &r);
	container->hostname = dup_text(vzr_domain_hostname(c->domain), &r);
	container->private_path = dup_text(d->private_path, &r);
	container->template_name = dup_text(d->artefact->name, &r);
	container->digest = vzr_digest_dup(&c->blob.digest);
	container->source = dup_text(d->artefact->source, &r);
	container->area = dup_text(d->area->name, &r);
	container->quota = dup_text(d->quota ? d->quota->name : "none", &r);
	container->handoff = dup_text(d->handoff->name, &r);
	container->specification = vzr_specification_digest(c->domain, &c->request);
	container->created = vzr_now();
	container->vm = (struct vzr_limits)VZR_LIMITS_NONE;
	if (d->quota)
		container->vm = c->state.vm;
	if (r == 0)
		r = vzr_owners_dup(c->state.users, c->state.n_users, c->users, c->domain->n_users,
			       &container->users, &container->n_users);
	if (r == 0)
		r = vzr_owners_dup(c->state.groups, c->state.n_groups, c->groups,
			       c->domain->n_groups, &container->groups, &container->n_groups);
	if (r < 0 || !container->digest || !container->specification)
		return vzr_fail_code(err, -ENOMEM, "cannot record the container");
	return 0;
}

/* Everything that place and announce will make is recorded before either acts. */
static int intend(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_handoff_ops *handoff = c->decision.handoff;
	const struct vzr_handoff_job job = handoff_job(c);
	VZR_AUTO_FREE char *commit = handoff->commit_path(c->engine->settings, c->decision.ctid);
	int r;

	if (!commit)
		return vzr_fail_code(err, -ENOMEM, "cannot hand the container over");
	r = vzr_journal_commit_path(c->undo, commit, err);
	if (r == 0)
		r = vzr_record_intend(c->engine->settings, c->decision.ctid, c->undo, err);
	return r == 0 ? handoff->intend(&job, &c->conf, c->undo, err) : r;
}

static int place(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_handoff_job job = handoff_job(c);
	int r = make_record(c, err);

	if (r == 0)
		r = vzr_record_put(c->engine->settings, c->container, sync_later(c), c->undo, err);
	if (r == 0)
		r = c->decision.handoff->place(&job, &c->conf, c->undo, err);
	if (r < 0)
		vzr_journal_abort(c->undo, &c->engine->ctx);
	return r;
}

static int announce(struct vzr_creation *c, struct vzr_error *err)
{
	struct vzr_handoff_job job = handoff_job(c);
	int r;

	job.no_sync = c->request.no_sync;
	job.no_dir_sync = c->grouped;
	r = c->decision.handoff->announce(&job, &c->conf, c->undo, err);
	if (r < 0)
		vzr_journal_abort(c->undo, &c->engine->ctx);
	return r;
}

/* ---- the transaction ---- */

struct stage {
	const char *name;
	int (*run)(struct vzr_creation *c, struct vzr_error *err);
};

static int stage_handoff(struct vzr_creation *c, struct vzr_error *err)
{
	int r = intend(c, err);

	if (r == 0)
		r = place(c, err);
	return r == 0 ? announce(c, err) : r;
}

static const struct stage build_stages[] = {
	{ "fetch", stage_fetch }, { "claim", stage_claim }, { "area", vzr_creation_area },
	{ "guest", stage_guest }, { "quota", stage_quota }, { "configure", stage_configure },
};

static const struct stage end_stages[] = {
	{ "sync", stage_sync },
	{ "handoff", stage_handoff },
};

/* Bytes that were right when they were fetched: nobody shall begin with them again. */
static int drop_damaged(const struct vzr_creation *c, int code, struct vzr_error *err)
{
	struct vzr_error why = VZR_ERROR_INIT;

	if (code != -VZR_E_DIGEST || c->blob.fd < 0 ||
	    vzr_store_blob_verify(c->engine->store, &c->blob.digest, &why) != code)
		return code;
	if (err)
		*err = why;
	return vzr_wrap(err, code, "template %s", c->decision.artefact->name);
}

static int run_stages(struct vzr_creation *c, const struct stage *stages, size_t count,
		      struct vzr_error *err)
{
	struct vzr_context *ctx = &c->engine->ctx;

	for (size_t i = 0; i < count; i++) {
		uint64_t begun = vzr_stage_begin(ctx, stages[i].name);
		int r = vzr_cancelled(ctx, err);

		if (r == 0)
			r = stages[i].run(c, err);
		(void)vzr_stage_end(ctx, stages[i].name, begun, r < 0 ? r : 0);
		if (r < 0)
			return drop_damaged(c, r, err);
	}
	return 0;
}

static struct vzr_creation *creation_new(struct vzr_engine *engine, const struct vzr_domain *domain,
					 const struct vzr_request *request, struct vzr_error *err)
{
	size_t size = request->size < sizeof(*request) ? request->size : sizeof(*request);
	struct vzr_creation *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)vzr_fail_code(err, -ENOMEM, "cannot make a container");
		return NULL;
	}
	c->engine = engine;
	c->domain = domain;
	c->blob = (struct vzr_blob)VZR_BLOB_INIT;
	c->staging = (struct vzr_staging)VZR_STAGING_INIT;
	c->tree_fd = -1;
	c->root_fd = -1;
	c->base = (struct vzr_base)VZR_BASE_INIT;
	c->state.vm = (struct vzr_limits)VZR_LIMITS_NONE;
	memcpy(&c->request, request, size);
	return c;
}

void vzr_creation_free(struct vzr_creation *c)
{
	if (!c)
		return;
	vzr_closep(&c->root_fd);
	vzr_closep(&c->tree_fd);
	free(c->overlay_lower);
	vzr_base_done(&c->base);
	vzr_staging_close(&c->staging);
	vzr_journal_end(c->undo, &c->engine->ctx);
	vzr_blob_done(&c->blob);
	free(c->users);
	free(c->groups);
	vzr_kv_done(&c->quota_conf);
	vzr_kv_done(&c->conf);
	vzr_quota_state_done(&c->state);
	vzr_decision_done(&c->decision);
	vzr_container_free(c->container);
	free(c);
}

/* ---- one of many ---- */

int vzr_creation_new(struct vzr_engine *engine, const struct vzr_domain *domain,
		     const struct vzr_request *request, struct vzr_decision *decision,
		     struct vzr_creation **ret_creation, struct vzr_error *err)
{
	struct vzr_creation *c = creation_new(engine, domain, request, err);

	if (!c)
		return -ENOMEM;
	c->grouped = true;
	c->decision = *decision;
	*decision = (struct vzr_decision){ 0 };
	*ret_creation = c;
	return 0;
}

int vzr_creation_build(struct vzr_creation *c, struct vzr_error *err)
{
	int r = run_stages(c, build_stages, VZR_COUNT(build_stages), err);

	return r == 0 ? intend(c, err) : r;
}

int vzr_creation_place(struct vzr_creation *c, struct vzr_error *err)
{
	return place(c, err);
}

int vzr_creation_announce(struct vzr_creation *c, struct vzr_error *err)
{
	return announce(c, err);
}

/* ---- one ---- */

static int decide_stage(struct vzr_creation *c, struct vzr_error *err)
{
	uint64_t begun = vzr_stage_begin(&c->engine->ctx, "plan");

	return vzr_stage_end(&c->engine->ctx, "plan", begun,
			     vzr_decide(c->engine, c->domain, &c->request, &c->decision, err));
}

int vzr_create(struct vzr_engine *engine, const struct vzr_domain *domain,
	       const struct vzr_request *request, struct vzr_container **ret_container,
	       struct vzr_error *err)
{
	struct vzr_creation *c = creation_new(engine, domain, request, err);
	int r;

	if (!c)
		return -ENOMEM;
	r = vzr_recover_containers(engine, err);
	if (r >= 0)
		r = decide_stage(c, err);
	if (r == 0)
		r = run_stages(c, build_stages, VZR_COUNT(build_stages), err);
	if (r == 0)
		r = run_stages(c, end_stages, VZR_COUNT(end_stages), err);
	if (r == 0)
		*ret_container = vzr_take_ptr(c->container);
	vzr_creation_free(c);
	return r;
}
