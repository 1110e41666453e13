/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stage that fills the private area, in staging. */
#include "engine/creation.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/journal.h"
#include "engine/prepared.h"
#include "engine/stream.h"

#include <fcntl.h>

/* The form becomes part of the container: how to let go of it is recorded before it is held. */
static int intend_pin(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_decision *d = &c->decision;
	VZR_AUTO_FREE char *path = vzr_base_pin_path(d->private_path, &c->blob.digest, d->ctid);

	c->overlay_lower = vzr_base_root_path(d->private_path, &c->blob.digest);
	if (!path || !c->overlay_lower)
		return vzr_fail_code(err, -ENOMEM, "cannot pin the prepared form");
	return vzr_undo_push(c->undo, VZR_UNDO_FILE, path, err);
}

/* A clone is checked here against the limits that an unpacking meets on its way. */
static int prepare_area(struct vzr_creation *c, struct vzr_error *err)
{
	struct vzr_decision *d = &c->decision;
	int r = vzr_area_prepare(c->engine, d, &c->blob, c->undo, &c->base, err);

	if (r < 0 || c->base.root_fd < 0)
		return r;
	if (d->area->pins)
		return intend_pin(c, err);
	d->needs_kib = c->base.kib;
	d->needs_inodes = c->base.inodes;
	return vzr_decision_fits(d, c->domain, err);
}

static int open_root(struct vzr_creation *c, const struct vzr_area_job *job, struct vzr_error *err)
{
	if (c->decision.area->open_root) {
		c->root_fd = c->decision.area->open_root(job, c->tree_fd, err);
		return c->root_fd < 0 ? c->root_fd : 0;
	}
	c->root_fd = fcntl(c->tree_fd, F_DUPFD_CLOEXEC, 3);
	return c->root_fd < 0 ? vzr_fail_errno(err, "cannot open the tree") : 0;
}

int vzr_creation_open_staging(struct vzr_creation *c, struct vzr_error *err)
{
	return c->staging.fd >= 0 ? 0
				  : vzr_staging_open(c->engine->settings, c->decision.private_path,
						     c->decision.ctid, c->undo, &c->staging, err);
}

static struct vzr_area_job area_job(struct vzr_creation *c)
{
	const struct vzr_settings *s = c->engine->settings;
	const struct vzr_limits *vm = &c->domain->vm;
	struct vzr_area_job job = {
		.ctx = &c->engine->ctx,
		.staging_fd = c->staging.fd,
		.staging_name = c->staging.name,
		.archive_fd = c->blob.fd,
		.digest = &c->blob.digest,
		.limits = {.inodes = vzr_setting_number(s, "MAX_INODES"),
			   .kib = vzr_setting_number(s, "MAX_UNPACKED")},
		.writers = (unsigned int)vzr_setting_number(s, "WRITERS"),
		.label = c->decision.artefact->name,
		.base = &c->base,
	};

	if (!c->decision.quota_refused && vm->block_hard_kib != VZR_NO_LIMIT)
		job.limits.kib = vm->block_hard_kib;
	if (!c->decision.quota_refused && vm->inode_hard != VZR_NO_LIMIT)
		job.limits.inodes = vm->inode_hard;
	return job;
}

static int make_tree(struct vzr_creation *c, const struct vzr_area_job *job, struct vzr_error *err)
{
	vzr_closep(&c->tree_fd);
	c->tree_fd = c->decision.area->make(job, err);
	return c->tree_fd < 0 ? c->tree_fd : vzr_journal_note_tree(c->undo, c->tree_fd, err);
}

/* ---- unpacked while it is downloaded ---- */

/* Downloads with the unpacking beside it. */
static int fetch_into(struct vzr_creation *c, const struct vzr_area_job *job,
		      struct vzr_stream *stream, struct vzr_error *err)
{
	const struct vzr_artefact *artefact = c->decision.artefact;
	const struct vzr_unpack_job unpack = {
		.ctx = job->ctx,
		.archive_fd = -1,
		.digest = artefact->has_digest ? &artefact->digest : NULL,
		.tree_fd = c->tree_fd,
		.limits = job->limits,
		.writers = job->writers,
		.label = job->label,
	};
	uint64_t begun;
	int r = vzr_stream_begin(stream, &unpack, err);

	if (r < 0)
		return r;
	begun = vzr_stage_begin(job->ctx, "fetch");
	c->engine->stream = stream;
	r = vzr_creation_fetch(c, err);
	c->engine->stream = NULL;
	(void)vzr_stage_end(job->ctx, "fetch", begun, r);
	vzr_stream_stop(stream);
	return r;
}

/* The tree is as before anything was unpacked into it. */
static int empty_tree(struct vzr_creation *c, const struct vzr_area_job *job, struct vzr_error *err)
{
	int r = vzr_rm_tree(job->staging_fd, job->staging_name, err);

	return r < 0 ? r : make_tree(c, job, err);
}

static int fill_while_fetching(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_settings *s = c->engine->settings;
	struct vzr_stream stream = {0};
	struct vzr_area_job job;
	int r = vzr_creation_open_staging(c, err);

	if (r < 0)
		return r;
	job = area_job(c);
	r = make_tree(c, &job, err);
	if (r == 0)
		r = fetch_into(c, &job, &stream, err);
	if (r < 0)
		return r;
	/* The next container of this template is worth a prepared form. */
	vzr_base_ask(s, c->decision.private_path, &c->blob.digest);
	if (stream.failure.code < 0) {
		if (err)
			*err = stream.failure;
		return stream.failure.code;
	}
	if (stream.whole) {
		c->unpacked = stream.result;
		return 0;
	}
	/* Another process had it, or bytes had to come again: as from the cache, then. */
	job = area_job(c);
	r = empty_tree(c, &job, err);
	return r < 0 ? r : c->decision.area->fill(&job, c->tree_fd, &c->unpacked, err);
}

/* ---- from the cache ---- */

static int fill_from_cache(struct vzr_creation *c, struct vzr_error *err)
{
	struct vzr_decision *d = &c->decision;
	struct vzr_area_job job;
	int r = prepare_area(c, err);

	if (r == 0)
		r = vzr_creation_open_staging(c, err);
	/* A pin is named on disk before it is there. */
	if (r == 0 && d->area->pins && c->grouped && !c->request.no_sync)
		r = vzr_journal_sync(c->undo, err);
	if (r == 0 && d->area->pins)
		r = vzr_base_pin(c->engine->settings, d->private_path, &c->blob.digest, d->ctid,
				 err);
	if (r < 0)
		return r;
	job = area_job(c);
	r = make_tree(c, &job, err);
	return r < 0 ? r : d->area->fill(&job, c->tree_fd, &c->unpacked, err);
}

int vzr_creation_area(struct vzr_creation *c, struct vzr_error *err)
{
	struct vzr_area_job job;
	int r = vzr_area_streams(&c->decision) ? fill_while_fetching(c, err)
					       : fill_from_cache(c, err);

	job = area_job(c);
	if (r == 0)
		r = open_root(c, &job, err);
	/* From here on others may remove what was cloned from. */
	vzr_base_done(&c->base);
	return r;
}
