/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stage that fills the private area, in staging. */
#include "engine/creation.h"

#include "engine/base/cleanup.h"
#include "engine/journal.h"
#include "engine/prepared.h"

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

int vzr_creation_area(struct vzr_creation *c, struct vzr_error *err)
{
	const struct vzr_settings *s = c->engine->settings;
	struct vzr_area_job job = {
		.ctx = &c->engine->ctx,
		.archive_fd = c->blob.fd,
		.digest = &c->blob.digest,
		.limits = {.inodes = vzr_setting_number(s, "MAX_INODES"),
			   .kib = vzr_setting_number(s, "MAX_UNPACKED")},
		.writers = (unsigned int)vzr_setting_number(s, "WRITERS"),
		.label = c->decision.artefact->name,
		.base = &c->base,
	};
	const struct vzr_limits *vm = &c->domain->vm;
	int r = prepare_area(c, err);

	if (r == 0)
		r = vzr_creation_open_staging(c, err);
	/* A pin is named on disk before it is there. */
	if (r == 0 && c->decision.area->pins && c->grouped && !c->request.no_sync)
		r = vzr_journal_sync(c->undo, err);
	if (r < 0)
		return r;
	if (!c->decision.quota_refused && vm->block_hard_kib != VZR_NO_LIMIT)
		job.limits.kib = vm->block_hard_kib;
	if (!c->decision.quota_refused && vm->inode_hard != VZR_NO_LIMIT)
		job.limits.inodes = vm->inode_hard;
	job.staging_fd = c->staging.fd;
	job.staging_name = c->staging.name;
	if (c->decision.area->pins)
		r = vzr_base_pin(s, c->decision.private_path, &c->blob.digest, c->decision.ctid,
				 err);
	if (r < 0)
		return r;
	c->tree_fd = c->decision.area->make(&job, err);
	if (c->tree_fd < 0)
		return c->tree_fd;
	r = vzr_journal_note_tree(c->undo, c->tree_fd, err);
	if (r == 0)
		r = c->decision.area->fill(&job, c->tree_fd, &c->unpacked, err);
	if (r == 0)
		r = open_root(c, &job, err);
	/* From here on others may remove what was cloned from. */
	vzr_base_done(&c->base);
	return r;
}
