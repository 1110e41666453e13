/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The way to fill an area, chosen in three steps: what is possible, what is prepared, what fits. */
#include "engine/prepared.h"

#include "cache/url.h"
#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/base/subvolume.h"
#include "engine/journal.h"
#include "engine/limits.h"

#include <fcntl.h>
#include <string.h>

#define EXAMPLE_CTID 101u

/* ---- what is possible ---- */

int vzr_open_nearest(int root_fd, char *path)
{
	for (;;) {
		int fd = vzr_open_in_root(root_fd, *path ? path : "/", O_RDONLY | O_DIRECTORY, 0);
		char *slash = strrchr(path, '/');

		if (fd >= 0 || !slash || !*path)
			return fd;
		*slash = '\0';
	}
}

static char *example_path(struct vzr_engine *engine, const struct vzr_decision *d, uint32_t ctid)
{
	return d->handoff->private_path(engine->settings, ctid);
}

static int open_private_fs(struct vzr_engine *engine, const struct vzr_decision *d,
			   struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = example_path(engine, d, d->ctid ? d->ctid : EXAMPLE_CTID);
	int fd;

	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot plan");
	fd = vzr_open_nearest(vzr_settings_root_fd(engine->settings), path);
	return fd < 0 ? vzr_fail_code(err, fd, "cannot open the private areas' directory") : fd;
}

/* Forms are kept beside the areas: of no use when each area is in a directory of its own. */
static bool areas_share_directory(struct vzr_engine *engine, const struct vzr_decision *d)
{
	VZR_AUTO_FREE char *a = example_path(engine, d, EXAMPLE_CTID);
	VZR_AUTO_FREE char *b = example_path(engine, d, EXAMPLE_CTID + 1);
	const char *end_a = a ? strrchr(a, '/') : NULL, *end_b = b ? strrchr(b, '/') : NULL;

	return end_a && end_b && end_a - a == end_b - b &&
	       memcmp(a, b, (size_t)(end_a - a)) == 0;
}

static int probe(const struct vzr_area_ops *ops, const struct vzr_decision *d, int fd, bool shared,
		 char reason[VZR_AREA_REASON])
{
	if (ops->base != VZR_AREA_BASE_NONE && !shared) {
		snprintf(reason, VZR_AREA_REASON,
			 "VE_PRIVATE gives each container a directory of its own, so nothing can "
			 "be kept beside the private areas to clone from");
		return 0;
	}
	return ops->probe(fd, d->handoff->name, reason);
}

static void find_evictable(struct vzr_engine *engine, struct vzr_decision *d)
{
	VZR_AUTO_FREE char *path = example_path(engine, d, d->ctid ? d->ctid : EXAMPLE_CTID);

	if (path)
		vzr_base_evictable(engine->settings, path, &d->evictable_kib,
				   &d->evictable_inodes);
}

int vzr_area_choose(struct vzr_engine *engine, struct vzr_decision *d,
		    const struct vzr_request *request, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd = open_private_fs(engine, d, err);
	const char *name = request->area ? request->area
					 : vzr_settings_get(engine->settings, "AREA");
	bool shared = areas_share_directory(engine, d);

	if (fd < 0)
		return fd;
	if (name && !vzr_area_find(name))
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"there is no area strategy '%s' (see 'vzroot version')", name);
	for (size_t i = 0; !d->area_best && vzr_area_get(i); i++) {
		const struct vzr_area_ops *ops = vzr_area_get(i);

		if ((!name || strcmp(name, ops->name) == 0) &&
		    probe(ops, d, fd, shared, d->area_reason) == 1)
			d->area_best = ops;
	}
	if (!d->area_best)
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "area strategy %s is not possible: %s",
				name ? name : "of any kind", d->area_reason);
	d->area = d->area_best;
	d->area_forced = name != NULL;
	if (shared && !vzr_is_btrfs(fd))
		find_evictable(engine, d);
	return vzr_free_space(fd, &d->free_kib, &d->free_inodes, err);
}

/* ---- what is prepared ---- */

static bool comes_by_network(const struct vzr_artefact *artefact)
{
	enum vzr_scheme scheme =
		artefact->n_urls ? vzr_url_scheme(artefact->urls[0]) : VZR_SCHEME_OTHER;

	return scheme == VZR_SCHEME_HTTP || scheme == VZR_SCHEME_HTTPS;
}

bool vzr_area_streams(const struct vzr_decision *d)
{
	return d->artefact && !d->fetched && !d->artefact->cached && !d->artefact_lent &&
	       d->area->base == VZR_AREA_BASE_NONE && comes_by_network(d->artefact);
}

int vzr_area_settle(struct vzr_engine *engine, struct vzr_decision *d,
		    const struct vzr_digest *digest, struct vzr_error *err)
{
	const struct vzr_area_ops *stream = vzr_area_find("stream");
	VZR_AUTO_FREE char *path = example_path(engine, d, d->ctid ? d->ctid : EXAMPLE_CTID);

	d->area = d->area_best;
	if (!path)
		return vzr_fail_code(err, -ENOMEM, "cannot plan");
	if (d->area_forced || d->area->base == VZR_AREA_BASE_NONE || !stream)
		return 0;
	if (d->artefact && !d->artefact_lent && !d->artefact->cached && !d->fetched &&
	    comes_by_network(d->artefact)) {
		d->area = stream;
		snprintf(d->area_reason, sizeof(d->area_reason),
			 "the template is not cached: it is unpacked while it is downloaded");
		return 0;
	}
	if (d->area->base != VZR_AREA_BASE_LATER)
		return 0;
	if (vzr_base_probe(engine->settings, path, digest) != VZR_BASE_UNKNOWN)
		return 0;
	d->area = stream;
	snprintf(d->area_reason, sizeof(d->area_reason),
		 "the first container of a template is unpacked; from the second on a prepared "
		 "form is copied ('vzroot template prepare' makes it now)");
	return 0;
}

/* ---- what fits ---- */

static int fall_back(struct vzr_engine *engine, struct vzr_decision *d, const struct vzr_error *why)
{
	const struct vzr_area_ops *stream = vzr_area_find("stream");

	if (d->area_forced || !stream)
		return why->code;
	vzr_choice(&engine->ctx, "area", stream->name, why->msg);
	d->area = stream;
	return 0;
}

/* A form is only there to save time: a container that needs its room gets it. */
static int make_room(struct vzr_engine *engine, const struct vzr_decision *d,
		     struct vzr_undo *undo, struct vzr_error *err)
{
	const struct vzr_base_prune prune = {
		.ctx = &engine->ctx,
		.settings = engine->settings,
		.private_path = d->private_path,
		.undo = undo,
		.unused_since = INT64_MAX,
		.until_kib = d->needs_kib,
		.until_inodes = d->needs_inodes,
	};

	if (d->needs_kib <= d->free_kib && d->needs_inodes <= d->free_inodes)
		return 0;
	return vzr_base_prune(&prune, err);
}

static struct vzr_base_job base_job(struct vzr_engine *engine, const struct vzr_decision *d,
				    const struct vzr_blob *blob, struct vzr_undo *undo)
{
	return (struct vzr_base_job){
		.ctx = &engine->ctx,
		.settings = engine->settings,
		.private_path = d->private_path,
		.digest = &blob->digest,
		.undo = undo,
		.archive_fd = blob->fd,
		.label = d->artefact->name,
		.needs_kib = d->needs_kib,
		.needs_inodes = d->needs_inodes,
	};
}

int vzr_area_prepare(struct vzr_engine *engine, struct vzr_decision *d,
		     const struct vzr_blob *blob, struct vzr_undo *undo, struct vzr_base *ret_base,
		     struct vzr_error *err)
{
	struct vzr_base_job job = base_job(engine, d, blob, undo);
	const struct vzr_area_ops *planned = d->area;
	struct vzr_error why = VZR_ERROR_INIT;
	int r = make_room(engine, d, undo, err);

	if (r == 0)
		r = vzr_area_settle(engine, d, &blob->digest, err);
	if (r < 0)
		return r;
	if (d->area != planned)
		vzr_choice(&engine->ctx, "area", d->area->name, d->area_reason);
	if (d->area->base == VZR_AREA_BASE_NONE) {
		if (d->area_best->base != VZR_AREA_BASE_NONE)
			vzr_base_ask(engine->settings, d->private_path, &blob->digest);
		return 0;
	}
	if (d->area->base == VZR_AREA_BASE_LATER) {
		job.also_kib = d->needs_kib;
		job.also_inodes = d->needs_inodes;
	}
	r = vzr_base_open(&job, ret_base, &why);
	if (r == -VZR_E_NO_SPACE || r == -ENOSPC)
		r = fall_back(engine, d, &why);
	if (r < 0 && err)
		*err = why;
	return r < 0 ? r : 0;
}

/* ---- public ---- */

/* The private areas as the handoff that would be taken has them. */
static int find_areas(struct vzr_engine *engine, struct vzr_decision *d, struct vzr_error *err)
{
	int r = vzr_decide_handoff(engine, NULL, d, err);

	if (r < 0)
		return r;
	if (!areas_share_directory(engine, d))
		return vzr_fail(err, -VZR_E_UNSUPPORTED,
				"VE_PRIVATE gives each container a directory of its own, so "
				"nothing can be kept beside the private areas to clone from");
	d->private_path = example_path(engine, d, EXAMPLE_CTID);
	return d->private_path ? 0 : vzr_fail_code(err, -ENOMEM, "cannot find the private areas");
}

static int fetch(struct vzr_engine *engine, struct vzr_decision *d, const char *name,
		 struct vzr_blob *ret_blob, struct vzr_error *err)
{
	VZR_AUTO_NAME struct vzr_name record = { 0 };
	uint64_t begun;
	int r = vzr_engine_catalogue(engine, err);

	if (r == 0)
		r = vzr_catalogue_resolve(engine->catalogue, name, 0, &d->artefact, err);
	if (r < 0)
		return r;
	begun = vzr_stage_begin(&engine->ctx, "fetch");
	r = vzr_catalogue_fetch(engine->catalogue, d->artefact, ret_blob, err);
	(void)vzr_stage_end(&engine->ctx, "fetch", begun, r < 0 ? r : 0);
	if (r >= 0)
		r = vzr_store_name_get(engine->store, d->artefact->name, &record, err);
	d->needs_kib = record.unpacked_kib;
	d->needs_inodes = record.unpacked_inodes;
	return r;
}

int vzr_area_prepare_form(struct vzr_engine *engine, const struct vzr_decision *d,
			  const struct vzr_blob *blob, struct vzr_error *err)
{
	VZR_AUTO_BASE struct vzr_base base = VZR_BASE_INIT;
	struct vzr_undo *undo = NULL;
	int r = vzr_journal_begin(engine->settings, "prepare", false, &undo, err);

	if (r == 0) {
		const struct vzr_base_job job = base_job(engine, d, blob, undo);

		r = vzr_base_open(&job, &base, err);
	}
	vzr_journal_end(undo, &engine->ctx);
	return r;
}

int vzr_template_prepare(struct vzr_engine *engine, const char *name, struct vzr_error *err)
{
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_decision d = { 0 };
	int r = vzr_recover_containers(engine, err);

	if (r >= 0)
		r = find_areas(engine, &d, err);
	if (r == 0)
		r = fetch(engine, &d, name, &blob, err);
	if (r >= 0)
		r = vzr_area_prepare_form(engine, &d, &blob, err);
	vzr_decision_done(&d);
	return r < 0 ? r : r == 1 ? 0 : 1;
}

/* What the callback of prune needs to speak of templates rather than of digests. */
struct pruning {
	vzr_prepared_fn fn;
	void *data;
};

static void tell(void *data, const struct vzr_base_found *found, int removed)
{
	const struct pruning *pruning = data;
	char digest[VZR_DIGEST_TEXT];
	const struct vzr_prepared prepared = {
		.digest = digest,
		.unpacked_kib = found->kib,
		.unpacked_inodes = found->inodes,
		.last_use = found->last_use,
		.removed = removed == 1,
	};

	snprintf(digest, sizeof(digest), "sha256:%s", found->hex);
	if (pruning->fn)
		pruning->fn(pruning->data, &prepared);
}

int vzr_template_prune(struct vzr_engine *engine, int64_t unused_since, bool dry_run,
		       vzr_prepared_fn fn, void *data, struct vzr_error *err)
{
	struct pruning pruning = { fn, data };
	struct vzr_base_prune prune = {
		.ctx = &engine->ctx,
		.settings = engine->settings,
		.unused_since = unused_since,
		.fn = tell,
		.data = &pruning,
	};
	struct vzr_decision d = { 0 };
	int r = dry_run ? 0 : vzr_recover_containers(engine, err);

	if (r >= 0)
		r = find_areas(engine, &d, err);
	if (r == 0 && !dry_run)
		r = vzr_journal_begin(engine->settings, "prune", false, &prune.undo, err);
	if (r == 0) {
		prune.private_path = d.private_path;
		r = vzr_base_prune(&prune, err);
	}
	vzr_journal_end(prune.undo, &engine->ctx);
	vzr_decision_done(&d);
	return r;
}
