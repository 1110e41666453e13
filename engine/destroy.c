/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removal of a container, and recovery of what dead owners left. */
#include "engine/area/base.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/size.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/handoff/handoff.h"
#include "engine/journal.h"
#include "engine/publish.h"
#include "engine/quota/quota.h"
#include "engine/staging.h"

#include <string.h>

/* Everything that one removal holds. */
struct removal {
	struct vzr_engine *engine;
	struct vzr_container *container;
	const struct vzr_handoff_ops *handoff;
	struct vzr_undo *undo;
	struct vzr_staging staging;
};

static struct vzr_handoff_job job_of(struct removal *rm)
{
	return (struct vzr_handoff_job){
		.ctx = &rm->engine->ctx,
		.settings = rm->engine->settings,
		.ctid = rm->container->ctid,
		.name = rm->container->name,
		.uuid = rm->container->uuid,
		.private_path = rm->container->private_path,
		.template_name = rm->container->template_name,
		.staging_fd = rm->staging.fd,
		.staging_name = rm->staging.name,
	};
}

/* After the container is gone: until then it needs what it lies over. */
static int release_form(struct removal *rm, struct vzr_error *err)
{
	const struct vzr_container *container = rm->container;
	const struct vzr_area_ops *area = container->area ? vzr_area_find(container->area) : NULL;
	struct vzr_digest digest;
	int r;

	if (!area || !area->pins || !container->digest)
		return 0;
	r = vzr_digest_parse(container->digest, &digest, err);
	return r < 0 ? r
		     : vzr_base_unpin(rm->engine->settings, container->private_path, &digest,
				      container->ctid, err);
}

static int remove_quota(struct removal *rm, struct vzr_error *err)
{
	const struct vzr_quota_ops *quota =
		rm->container->quota ? vzr_quota_find(rm->container->quota) : NULL;
	const struct vzr_quota_job job = {
		.ctx = &rm->engine->ctx,
		.settings = rm->engine->settings,
		.handoff = rm->handoff->name,
		.ctid = rm->container->ctid,
		.private_path = rm->container->private_path,
		.vm = &rm->container->vm,
	};

	return quota ? quota->remove(&job, err) : 0;
}

/* Reads the record, once more under the lock: until then another may have removed or made it. */
static int read_record(struct removal *rm, uint32_t ctid, struct vzr_error *err)
{
	struct vzr_container *container = NULL;
	int r = vzr_record_get(rm->engine->settings, ctid, &container, err);

	if (r < 0)
		return r;
	vzr_container_free(rm->container);
	rm->container = container;
	return 0;
}

static int prepare(struct removal *rm, uint32_t ctid, struct vzr_error *err)
{
	int r = read_record(rm, ctid, err);

	if (r < 0)
		return r;
	rm->handoff = vzr_handoff_find(rm->container->handoff);
	if (!rm->handoff)
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"container %u was handed to '%s', which is not built in here", ctid,
				rm->container->handoff);
	return 0;
}

static int claim(struct removal *rm, bool resumed, struct vzr_error *err)
{
	char ctid[16];
	struct vzr_handoff_job job;
	int r = vzr_journal_begin(rm->engine->settings, "destroy", false, &rm->undo, err);

	if (r < 0)
		return r;
	job = job_of(rm);
	r = rm->handoff->lock(&job, rm->undo, err);
	if (r == 0)
		r = read_record(rm, job.ctid, err);
	if (r == 0 && !resumed) {
		job = job_of(rm);
		r = rm->handoff->running(&job, err);
		if (r > 0)
			r = vzr_fail(err, -VZR_E_BUSY,
				     "container %u is running: stop it first", job.ctid);
	}
	if (r == 0)
		r = vzr_staging_open(rm->engine->settings, rm->container->private_path, job.ctid,
				     rm->undo, &rm->staging, err);
	snprintf(ctid, sizeof(ctid), "%u", job.ctid);
	return r < 0 ? r : vzr_journal_push_resume(rm->undo, ctid, err);
}

/* The record goes last but one: until then a recovery can go on. The tree is staging by then. */
static int take_down(struct removal *rm, struct vzr_error *err)
{
	const struct vzr_handoff_job job = job_of(rm);
	int r = rm->handoff->unpublish(&job, rm->undo, err);

	if (r == 0)
		r = remove_quota(rm, err);
	if (r == 0)
		r = release_form(rm, err);
	if (r == 0)
		r = vzr_record_remove(rm->engine->settings, rm->container->ctid, err);
	if (r < 0)
		return r;
	/* Not left to the end of the journal: who asked must hear if it could not be done. */
	r = vzr_rm_tree(rm->staging.fd, rm->staging.name, err);
	return r < 0 ? vzr_wrap(err, r,
				"container %u is no more, but not all of its files could be "
				"removed ('vzroot recover' goes on)",
				rm->container->ctid)
		     : 0;
}

static int destroy(struct vzr_engine *engine, uint32_t ctid, bool resumed, struct vzr_error *err)
{
	struct removal rm = { .engine = engine, .staging = VZR_STAGING_INIT };
	int r = prepare(&rm, ctid, err);

	if (r == 0)
		r = claim(&rm, resumed, err);
	if (r == 0) {
		uint64_t begun = vzr_stage_begin(&engine->ctx, "destroy");

		r = vzr_stage_end(&engine->ctx, "destroy", begun, take_down(&rm, err));
		if (r < 0)
			vzr_journal_leave(vzr_take_ptr(rm.undo));
	}
	vzr_staging_close(&rm.staging);
	vzr_journal_end(rm.undo, &engine->ctx);
	vzr_container_free(rm.container);
	return r;
}

/* A removal that was interrupted: it goes on if the target knows the container no more. */
static int resume(void *data, const char *text, struct vzr_error *err)
{
	struct vzr_engine *engine = data;
	struct vzr_container *container = NULL;
	const struct vzr_handoff_ops *handoff;
	uint64_t ctid;
	int r = vzr_parse_uint(text, UINT32_MAX, &ctid);

	if (r < 0)
		return vzr_fail(err, -VZR_E_CONFIG, "the journal names container '%s'", text);
	r = vzr_record_get(engine->settings, (uint32_t)ctid, &container, err);
	if (r < 0)
		return r == -VZR_E_NOT_FOUND ? 0 : r;
	handoff = vzr_handoff_find(container->handoff);
	r = handoff ? handoff->exists(engine->settings, (uint32_t)ctid, err) : 1;
	vzr_container_free(container);
	return r == 0 ? destroy(engine, (uint32_t)ctid, true, err) : (r < 0 ? r : 0);
}

/* A cache that cannot be written (a read-only one, say) has nothing of ours to clean up. */
int vzr_recover_cache(struct vzr_engine *engine, struct vzr_error *err)
{
	struct vzr_error why = VZR_ERROR_INIT;
	int r = vzr_engine_catalogue(engine, err);

	if (r < 0)
		return r;
	vzr_publish_recover(engine->settings);
	if (vzr_store_recover(engine->store, &why) < 0)
		vzr_debug(&engine->ctx, "the template cache was not cleaned up: %s", why.msg);
	return 0;
}

static int recover_journals(struct vzr_engine *engine, struct vzr_error *err)
{
	const struct vzr_journal_resume going_on = { .fn = resume, .data = engine };
	unsigned int count = 0;
	int r = vzr_journal_recover(engine->settings, &engine->ctx, &going_on, &count, err);

	if (r == 0 && count)
		vzr_info(&engine->ctx, "cleaned up after %u interrupted command%s", count,
			 count == 1 ? "" : "s");
	return r < 0 ? vzr_wrap(err, r, "cannot recover") : (int)count;
}

int vzr_recover_containers(struct vzr_engine *engine, struct vzr_error *err)
{
	struct vzr_error why = VZR_ERROR_INIT;
	int r = recover_journals(engine, &why);

	if (r >= 0)
		return r;
	if (r != -VZR_E_CANCELLED) {
		vzr_warn(&engine->ctx, "%s", why.msg);
		return 0;
	}
	if (err)
		*err = why;
	return r;
}

int vzr_recover(struct vzr_engine *engine, unsigned int *ret_count, struct vzr_error *err)
{
	int containers = recover_journals(engine, err);
	int cache = vzr_recover_cache(engine, containers < 0 ? NULL : err);

	if (containers < 0)
		return containers;
	*ret_count = (unsigned int)containers;
	return cache;
}

int vzr_destroy(struct vzr_engine *engine, uint32_t ctid, struct vzr_error *err)
{
	int r = vzr_recover_containers(engine, err);

	return r < 0 ? r : destroy(engine, ctid, false, err);
}
